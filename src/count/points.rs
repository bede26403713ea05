//! How many integer points does a system of linear constraints have?
//!
//! Equalities are solved first. What falls apart into independent systems is multiplied. Then one variable at a time is
//! summed out: the points become a polynomial weight on the other variables, one chamber for each pair of a lower bound that
//! is the largest and an upper bound that is the smallest. That takes bounds with coefficients of 1 or -1; where no variable
//! has such bounds, the system is split by the remainder of one bound, which makes its floor linear.
//! The cost does not depend on the extents, but on the shape of the nest; a budget of systems bounds it, and what does not
//! fit is an error, never an estimate.
//!
//! Source: Pugh, "Counting solutions to Presburger formulas: how and why", PLDI 1994.
//! Differs: remainders split a bound only when no other variable can be summed; equalities are solved by Euclid's steps.

use std::collections::{BTreeMap, BTreeSet};

use super::CountError;
use super::linear::{Linear, System, Var};
use super::poly::Poly;
use super::residues::Residues;

/// Counts systems and remembers the ones counted.
pub(super) struct Counter {
    systems_left: u64,
    known: BTreeMap<System, Residues>,
}

/// The bounds of one variable, and what it costs to get rid of it.
struct Candidate {
    var: Var,
    /// The systems that follow.
    cost: u64,
    way: Way,
}

enum Way {
    /// `low <= var <= high` for each, none plainly implied by another.
    Sum { lows: Vec<Linear>, highs: Vec<Linear> },
    /// A system for each remainder of `rest` by `divisor`.
    Remainders { rest: Linear, divisor: i128 },
    /// A system for each value.
    Values { low: i128, high: i128 },
}

impl Counter {
    pub(super) fn new(budget: u64) -> Counter {
        Counter { systems_left: budget, known: BTreeMap::new() }
    }

    /// The number of points, which are fewer than 2^182.
    pub(super) fn points(&mut self, system: &System) -> Result<i128, CountError> {
        let count = self.total(system.clone(), Poly::constant(Residues::ONE))?;
        count.joined().ok_or(CountError::Overflow)
    }

    fn spend(&mut self, systems: u64) -> Result<(), CountError> {
        self.systems_left = self.systems_left.checked_sub(systems).ok_or(CountError::Budget)?;
        Ok(())
    }

    /// The sum of `weight` over the points of `system`.
    fn total(&mut self, mut system: System, mut weight: Poly) -> Result<Residues, CountError> {
        self.spend(1)?;
        solve_equalities(&mut system, &mut weight)?;
        if system.is_empty() || weight.is_zero() {
            return Ok(Residues::ZERO);
        }
        let Some(mut product) = weight.as_constant() else {
            return self.without_one(&system, &weight);
        };
        for part in system.components() {
            product = product * self.component(part)?;
            if product == Residues::ZERO {
                break;
            }
        }
        Ok(product)
    }

    /// The points of a system that does not fall apart.
    fn component(&mut self, system: System) -> Result<Residues, CountError> {
        let vars = system.vars();
        if let (1, Some(&var)) = (vars.len(), vars.first()) {
            let (Some(low), Some(high)) = system.range(var) else { return Err(CountError::Unbounded) };
            let points = high.checked_sub(low).and_then(|last| last.checked_add(1)).ok_or(CountError::Overflow)?;
            return Ok(Residues::of(points.max(0)));
        }
        let system = renumbered(&system, &vars)?;
        if let Some(&known) = self.known.get(&system) {
            return Ok(known);
        }
        let points = self.without_one(&system, &Poly::constant(Residues::ONE))?;
        self.known.insert(system, points);
        Ok(points)
    }

    /// Gets rid of the variable that costs least, and sums over the rest.
    fn without_one(&mut self, system: &System, weight: &Poly) -> Result<Residues, CountError> {
        let vars: BTreeSet<Var> = system.vars().into_iter().chain(weight.vars()).collect();
        let mut best: Option<Candidate> = None;
        for &var in vars.iter().rev() {
            for candidate in elimination(system, var)?.into_iter().chain(enumeration(system, var)) {
                if best.as_ref().is_none_or(|best| candidate.rank() < best.rank()) {
                    best = Some(candidate);
                }
            }
        }
        let Candidate { var, cost, way } = best.ok_or(CountError::Unbounded)?;
        if cost > self.systems_left {
            return Err(CountError::Budget);
        }
        match way {
            Way::Sum { lows, highs } => self.sum(system, weight, var, &lows, &highs),
            Way::Remainders { rest, divisor } => {
                let quotient = Linear::var(vars.last().map_or(0, |last| last + 1));
                let mut sum = Residues::ZERO;
                for remainder in 0..divisor {
                    let mut part = system.clone();
                    part.require_zero(&rest.plus_times(-divisor, &quotient)?.plus_constant(-remainder)?);
                    sum = sum + self.total(part, weight.clone())?;
                }
                Ok(sum)
            }
            Way::Values { low, high } => {
                let mut sum = Residues::ZERO;
                for value in low..=high {
                    let (mut part, value) = (system.clone(), Linear::constant(value));
                    part.replace(var, &value)?;
                    sum = sum + self.total(part, weight.replaced(var, &value))?;
                }
                Ok(sum)
            }
        }
    }

    /// One chamber for each largest lower and smallest upper bound; of equal bounds the first counts.
    fn sum(
        &mut self,
        system: &System,
        weight: &Poly,
        var: Var,
        lows: &[Linear],
        highs: &[Linear],
    ) -> Result<Residues, CountError> {
        let mut base = system.clone();
        base.remove(var);
        let mut sum = Residues::ZERO;
        for (i, low) in lows.iter().enumerate() {
            let mut above = base.clone();
            for (k, other) in lows.iter().enumerate().filter(|(k, _)| *k != i) {
                require(&mut above, &low.minus(other)?.plus_constant(-i128::from(k < i))?)?;
            }
            for (j, high) in highs.iter().enumerate() {
                let mut chamber = above.clone();
                for (k, other) in highs.iter().enumerate().filter(|(k, _)| *k != j) {
                    require(&mut chamber, &other.minus(high)?.plus_constant(-i128::from(k < j))?)?;
                }
                require(&mut chamber, &high.minus(low)?)?;
                if !chamber.is_empty() {
                    let weight = weight.summed(var, &low.plus_constant(-1)?, high);
                    sum = sum + self.total(chamber, weight)?;
                }
            }
        }
        Ok(sum)
    }
}

impl Candidate {
    /// Less is better. Chambers bring constraints and remainders bring variables, whose cost comes later; a value brings
    /// nothing. The factors are measured.
    fn rank(&self) -> u64 {
        match self.way {
            Way::Sum { .. } => self.cost.saturating_mul(self.cost),
            Way::Remainders { .. } => self.cost.saturating_mul(64),
            Way::Values { .. } => self.cost,
        }
    }
}

/// Adds `form >= 0` where it says something new, and notices plain contradictions.
fn require(system: &mut System, form: &Linear) -> Result<(), CountError> {
    if system.is_empty() || system.implies(form) {
        return Ok(());
    }
    if system.implies(&form.negated()?.plus_constant(-1)?) {
        return system.require(&Linear::constant(-1));
    }
    system.require(form)
}

/// How to get rid of `var` by its bounds; `None` where it has none on one side.
fn elimination(system: &System, var: Var) -> Result<Option<Candidate>, CountError> {
    let (mut lows, mut highs) = (Vec::new(), Vec::new());
    let mut last: Option<(Linear, i128)> = None;
    let mut splits: u64 = 1;
    for form in system.mentioning(var) {
        let (coefficient, rest) = (form.coefficient(var), form.without(var));
        match coefficient {
            1 => lows.push(rest.negated()?),
            -1 => highs.push(rest),
            _ => {
                splits = splits.saturating_mul(u64::try_from(coefficient.unsigned_abs()).unwrap_or(u64::MAX));
                last = Some((rest, coefficient.saturating_abs()));
            }
        }
    }
    if let Some((rest, divisor)) = last {
        return Ok(Some(Candidate { var, cost: splits, way: Way::Remainders { rest, divisor } }));
    }
    if lows.is_empty() || highs.is_empty() {
        return Ok(None);
    }
    let lows = needed(system, lows, |low, other| other.minus(low))?;
    let highs = needed(system, highs, |high, other| high.minus(other))?;
    Ok(Some(Candidate { var, cost: lows.len() as u64 * highs.len() as u64, way: Way::Sum { lows, highs } }))
}

/// To take the values of `var` one by one; `None` where its range depends on others.
fn enumeration(system: &System, var: Var) -> Option<Candidate> {
    let (low, high) = system.range(var);
    let (low, high) = (low?, high?);
    let values = high.checked_sub(low)?.checked_add(1)?.max(0);
    Some(Candidate { var, cost: u64::try_from(values).unwrap_or(u64::MAX), way: Way::Values { low, high } })
}

/// The bounds that no other makes superfluous: `slack(bound, other)` is not negative where `other` is the tighter one.
fn needed(
    system: &System,
    mut bounds: Vec<Linear>,
    slack: impl Fn(&Linear, &Linear) -> Result<Linear, CountError>,
) -> Result<Vec<Linear>, CountError> {
    let mut n = 0;
    while n < bounds.len() {
        let mut superfluous = false;
        for (k, other) in bounds.iter().enumerate() {
            superfluous |= k != n && system.implies(&slack(&bounds[n], other)?);
        }
        if superfluous {
            bounds.remove(n);
        } else {
            n += 1;
        }
    }
    Ok(bounds)
}

/// Substitutes until no equality is left. Every step maps integer points to integer points one to one.
fn solve_equalities(system: &mut System, weight: &mut Poly) -> Result<(), CountError> {
    while let Some(zero) = system.take_zero() {
        if system.is_empty() {
            return Ok(());
        }
        let Some(&(var, least)) = zero.terms.iter().rev().min_by_key(|term| term.1.unsigned_abs()) else { continue };
        let by = if least.abs() == 1 {
            zero.without(var).times(-least)?
        } else {
            // A step of Euclid's: the other coefficients become remainders by the least.
            let mut by = Linear::var(var);
            for &(other, coefficient) in zero.terms.iter().filter(|term| term.0 != var) {
                by = by.plus_times(-coefficient.div_euclid(least), &Linear::var(other))?;
            }
            system.require_zero(&zero);
            by
        };
        system.replace(var, &by)?;
        *weight = weight.replaced(var, &by);
    }
    Ok(())
}

/// The system with its variables numbered from 0, in the same order.
fn renumbered(system: &System, vars: &BTreeSet<Var>) -> Result<System, CountError> {
    let numbers: BTreeMap<Var, Var> = vars.iter().zip(0..).map(|(&var, number)| (var, number)).collect();
    let mut renumbered = System::default();
    for mut form in system.inequalities() {
        for (var, _) in &mut form.terms {
            *var = numbers[var];
        }
        renumbered.require(&form)?;
    }
    Ok(renumbered)
}
