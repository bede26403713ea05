//! At which points does a statement run? Loops and conditions as disjoint systems of linear constraints.
//!
//! A floor or a remainder brings a variable that the others determine: `q = e / d` is `0 <= e - d q < d`. A loop with a step
//! counts its rounds. What `||`, `!=` and the minima and maxima of bounds leave open splits a case in disjoint ones, so
//! that the instances of a statement are the sum of the points of its cases.

use crate::lang::ast::{Affine, AffineKind, Comparison, Condition, Name, Range};

use super::CountError;
use super::linear::{Linear, System, Var};
use super::residues;

/// One of the disjoint parts of a domain.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    pub(super) system: System,
    /// Each iterator in scope, outermost first.
    iterators: Vec<(Name, Linear)>,
    /// The range of each variable, by number, as far as the loops alone say.
    ranges: Vec<(i128, i128)>,
    /// `numerator / divisor` as a variable.
    floors: Vec<(Linear, i128, Var)>,
    /// The points are fewer than 2 to this.
    bits: f64,
}

/// A condition over linear forms.
#[derive(Clone, Debug)]
enum Formula {
    /// The form is not negative.
    AtLeast(Linear),
    Zero(Linear),
    All(Vec<Formula>),
    Any(Vec<Formula>),
}

impl Case {
    fn new_var(&mut self, range: (i128, i128)) -> Linear {
        self.ranges.push(range);
        Linear::var(self.ranges.len() as Var - 1)
    }

    /// The least and the largest value of `form` by the ranges alone.
    fn extremes(&self, form: &Linear) -> Result<(i128, i128), CountError> {
        let (mut least, mut most) = (form.constant, form.constant);
        for &(var, coefficient) in &form.terms {
            let (low, high) = self.ranges[var as usize];
            let (low, high) = if coefficient > 0 { (low, high) } else { (high, low) };
            let onto = |sum: i128, value: i128| {
                value.checked_mul(coefficient).and_then(|product| sum.checked_add(product)).ok_or(CountError::Overflow)
            };
            (least, most) = (onto(least, low)?, onto(most, high)?);
        }
        Ok((least, most))
    }

    /// The form of an affine expression without minima and maxima; brings variables for its floors.
    fn linear(&mut self, affine: &Affine) -> Result<Linear, CountError> {
        match &affine.kind {
            AffineKind::Int(value) => Ok(Linear::constant((*value).into())),
            AffineKind::Name(name) => match self.iterators.iter().rev().find(|(known, _)| known == name) {
                Some((_, form)) => Ok(form.clone()),
                None => Err(CountError::Unresolved(format!("`{name}` is no iterator here"))),
            },
            AffineKind::Neg(a) => self.linear(a)?.negated(),
            AffineKind::Add(a, b) => self.linear(a)?.plus(&self.linear(b)?),
            AffineKind::Sub(a, b) => self.linear(a)?.minus(&self.linear(b)?),
            AffineKind::Mul(a, b) => {
                let (a, b) = (self.linear(a)?, self.linear(b)?);
                match (a.is_constant(), b.is_constant()) {
                    (_, true) => a.times(b.constant),
                    (true, _) => b.times(a.constant),
                    _ => Err(CountError::Unresolved("a product of iterators".into())),
                }
            }
            AffineKind::Div(a, b) => self.floor(a, b).map(|(_, _, quotient)| quotient),
            AffineKind::Mod(a, b) => {
                let (numerator, divisor, quotient) = self.floor(a, b)?;
                numerator.plus_times(-divisor, &quotient)
            }
            AffineKind::Min(_) | AffineKind::Max(_) => {
                Err(CountError::Unresolved("a minimum or maximum inside an expression".into()))
            }
        }
    }

    /// Numerator, divisor and quotient, all as forms.
    fn floor(&mut self, a: &Affine, b: &Affine) -> Result<(Linear, i128, Linear), CountError> {
        let (numerator, divisor) = (self.linear(a)?, self.linear(b)?);
        if !divisor.is_constant() || divisor.constant < 1 {
            return Err(CountError::Unresolved("a divisor that is no positive constant".into()));
        }
        let divisor = divisor.constant;
        // Whole multiples leave the floor.
        let part = |pick: fn(i128, i128) -> i128| Linear {
            terms: numerator.terms.iter().map(|&(v, c)| (v, pick(c, divisor))).filter(|term| term.1 != 0).collect(),
            constant: pick(numerator.constant, divisor),
        };
        let (whole, rest) = (part(i128::div_euclid), part(i128::rem_euclid));
        let quotient = if rest.is_constant() { whole } else { whole.plus(&self.quotient(&rest, divisor)?)? };
        Ok((numerator, divisor, quotient))
    }

    fn quotient(&mut self, numerator: &Linear, divisor: i128) -> Result<Linear, CountError> {
        if let Some((_, _, var)) = self.floors.iter().find(|(n, d, _)| n == numerator && *d == divisor) {
            return Ok(Linear::var(*var));
        }
        let (least, most) = self.extremes(numerator)?;
        let (least, most) = (least.div_euclid(divisor), most.div_euclid(divisor));
        if least == most {
            return Ok(Linear::constant(least));
        }
        let quotient = self.new_var((least, most));
        let remainder = numerator.plus_times(-divisor, &quotient)?;
        self.system.require(&remainder)?;
        self.system.require(&remainder.negated()?.plus_constant(divisor - 1)?)?;
        self.floors.push((numerator.clone(), divisor, self.ranges.len() as Var - 1));
        Ok(quotient)
    }

    /// The least and the largest value of a bound.
    fn bound_extremes(&mut self, bound: &Affine) -> Result<(i128, i128), CountError> {
        let (parts, pick): (_, fn(i128, i128) -> i128) = match &bound.kind {
            AffineKind::Min(parts) => (parts, i128::min),
            AffineKind::Max(parts) => (parts, i128::max),
            _ => {
                let form = self.linear(bound)?;
                return self.extremes(&form);
            }
        };
        let mut joined: Option<(i128, i128)> = None;
        for part in parts {
            let (least, most) = self.bound_extremes(part)?;
            joined = Some(joined.map_or((least, most), |(a, b)| (pick(a, least), pick(b, most))));
        }
        joined.ok_or_else(|| CountError::Unresolved("a minimum or maximum of nothing".into()))
    }

    /// `form >= bound`, or `form < bound` where `below`.
    fn against(&mut self, form: &Linear, bound: &Affine, below: bool) -> Result<Formula, CountError> {
        let (parts, all) = match &bound.kind {
            AffineKind::Min(parts) => (parts, below),
            AffineKind::Max(parts) => (parts, !below),
            _ => {
                let bound = self.linear(bound)?;
                let slack = if below { bound.minus(form)?.plus_constant(-1)? } else { form.minus(&bound)? };
                return Ok(Formula::AtLeast(slack));
            }
        };
        let parts = parts.iter().map(|part| self.against(form, part, below)).collect::<Result<Vec<_>, _>>()?;
        Ok(if all { Formula::All(parts) } else { Formula::Any(parts) })
    }

    /// The cases of a bound with the form that it has in each.
    fn split(self, bound: &Affine) -> Result<Vec<(Case, Linear)>, CountError> {
        let (parts, sign) = match &bound.kind {
            AffineKind::Min(parts) => (parts, -1),
            AffineKind::Max(parts) => (parts, 1),
            _ => {
                let mut case = self;
                let form = case.linear(bound)?;
                return Ok(vec![(case, form)]);
            }
        };
        let mut so_far: Vec<(Case, Option<Linear>)> = vec![(self, None)];
        for part in parts {
            let mut next = Vec::new();
            for (case, best) in so_far {
                for (case, form) in case.split(part)? {
                    let Some(best) = &best else {
                        next.push((case, Some(form)));
                        continue;
                    };
                    // Not negative where the form so far stays.
                    let lead = best.minus(&form)?.times(sign)?;
                    let (kept, beaten) = (Formula::AtLeast(lead.clone()), Formula::AtLeast(lead).negated()?);
                    next.extend(case.clone().assume(&kept)?.into_iter().map(|case| (case, Some(best.clone()))));
                    next.extend(case.assume(&beaten)?.into_iter().map(|case| (case, Some(form.clone()))));
                }
            }
            so_far = next;
        }
        Ok(so_far.into_iter().filter_map(|(case, form)| Some((case, form?))).collect())
    }

    /// The cases inside a loop.
    pub(super) fn enter(mut self, range: &Range) -> Result<Vec<Case>, CountError> {
        if range.step < 1 {
            return Err(CountError::Unresolved(format!("the step of `{}` is not positive", range.iterator)));
        }
        let (least, last) = (self.bound_extremes(&range.lo)?.0, self.bound_extremes(&range.hi)?.1 - 1);
        if least > last {
            return Ok(Vec::new());
        }
        let step = i128::from(range.step);
        let rounds = (last - least) / step + 1;
        self.bits += (rounds as f64).log2();
        if self.bits > residues::BITS {
            return Err(CountError::Overflow);
        }
        if step == 1 {
            let value = self.new_var((least, last));
            let low = self.against(&value, &range.lo, false)?;
            let high = self.against(&value, &range.hi, true)?;
            self.iterators.push((range.iterator.clone(), value.clone()));
            return self.bounded(&Formula::All(vec![low, high]));
        }
        let mut cases = Vec::new();
        for (mut case, low) in self.split(&range.lo)? {
            let round = case.new_var((0, rounds - 1));
            let value = low.plus_times(step, &round)?;
            let high = case.against(&value, &range.hi, true)?;
            case.iterators.push((range.iterator.clone(), value));
            cases.extend(case.bounded(&Formula::All(vec![Formula::AtLeast(round), high]))?);
        }
        Ok(cases)
    }

    /// The cases in which the condition holds, or in which it does not.
    pub(super) fn assume_condition(
        mut self,
        condition: &Condition<Affine>,
        holds: bool,
    ) -> Result<Vec<Case>, CountError> {
        let formula = self.formula(condition)?;
        if holds { self.assume(&formula) } else { self.assume(&formula.negated()?) }
    }

    fn formula(&mut self, condition: &Condition<Affine>) -> Result<Formula, CountError> {
        match condition {
            Condition::Chain(first, rest) => {
                let mut left = self.linear(first)?;
                let mut links = Vec::new();
                for (comparison, right) in rest {
                    let right = self.linear(right)?;
                    links.push(compared(&left, *comparison, &right)?);
                    left = right;
                }
                Ok(Formula::All(links))
            }
            Condition::And(parts) => Ok(Formula::All(self.formulas(parts)?)),
            Condition::Or(parts) => Ok(Formula::Any(self.formulas(parts)?)),
            Condition::Not(part) => self.formula(part)?.negated(),
        }
    }

    fn formulas(&mut self, parts: &[Condition<Affine>]) -> Result<Vec<Formula>, CountError> {
        parts.iter().map(|part| self.formula(part)).collect()
    }

    /// The disjoint cases in which the formula holds. What the ranges already say adds nothing.
    fn assume(self, formula: &Formula) -> Result<Vec<Case>, CountError> {
        self.restricted(formula, true)
    }

    /// As `assume`, for the bounds that give a variable its range: they must stay although the range implies them.
    fn bounded(self, formula: &Formula) -> Result<Vec<Case>, CountError> {
        self.restricted(formula, false)
    }

    fn restricted(mut self, formula: &Formula, trust_ranges: bool) -> Result<Vec<Case>, CountError> {
        match formula {
            Formula::AtLeast(form) => {
                let (least, most) = self.extremes(form)?;
                if most < 0 {
                    return Ok(Vec::new());
                }
                if least < 0 || !trust_ranges {
                    self.system.require(form)?;
                }
            }
            Formula::Zero(form) => self.system.require_zero(form),
            Formula::All(parts) => {
                let mut cases = vec![self];
                for part in parts {
                    let mut next = Vec::new();
                    for case in cases {
                        next.extend(case.restricted(part, trust_ranges)?);
                        few(&next)?;
                    }
                    cases = next;
                }
                return Ok(cases);
            }
            Formula::Any(parts) => return self.alternatives(parts, trust_ranges),
        }
        Ok(if self.system.is_empty() { Vec::new() } else { vec![self] })
    }

    /// The first part, or the second and not the first, and so on.
    fn alternatives(self, parts: &[Formula], trust_ranges: bool) -> Result<Vec<Case>, CountError> {
        let (mut remaining, mut cases) = (vec![self], Vec::new());
        for part in parts {
            let not = part.negated()?;
            let mut next = Vec::new();
            for case in remaining {
                cases.extend(case.clone().restricted(part, trust_ranges)?);
                next.extend(case.restricted(&not, trust_ranges)?);
                few(&cases)?;
                few(&next)?;
            }
            remaining = next;
        }
        Ok(cases)
    }
}

/// Cases that a statement's loops and conditions may be taken apart into.
const MOST_CASES: usize = 1_000;

pub(super) fn few(cases: &[Case]) -> Result<(), CountError> {
    if cases.len() > MOST_CASES { Err(CountError::Budget) } else { Ok(()) }
}

impl Formula {
    fn negated(&self) -> Result<Formula, CountError> {
        let all = |parts: &[Formula]| parts.iter().map(Formula::negated).collect::<Result<Vec<_>, _>>();
        Ok(match self {
            Formula::AtLeast(form) => Formula::AtLeast(form.negated()?.plus_constant(-1)?),
            Formula::Zero(form) => Formula::Any(vec![
                Formula::AtLeast(form.plus_constant(-1)?),
                Formula::AtLeast(form.negated()?.plus_constant(-1)?),
            ]),
            Formula::All(parts) => Formula::Any(all(parts)?),
            Formula::Any(parts) => Formula::All(all(parts)?),
        })
    }
}

fn compared(a: &Linear, comparison: Comparison, b: &Linear) -> Result<Formula, CountError> {
    Ok(match comparison {
        Comparison::Lt => Formula::AtLeast(b.minus(a)?.plus_constant(-1)?),
        Comparison::Le => Formula::AtLeast(b.minus(a)?),
        Comparison::Gt => Formula::AtLeast(a.minus(b)?.plus_constant(-1)?),
        Comparison::Ge => Formula::AtLeast(a.minus(b)?),
        Comparison::Eq => Formula::Zero(a.minus(b)?),
        Comparison::Ne => Formula::Zero(a.minus(b)?).negated()?,
    })
}
