//! What is a linear form over integer variables, and a system of them?

use std::collections::{BTreeMap, BTreeSet};

use super::CountError;

/// A variable, by number.
pub(super) type Var = u32;

/// Variables ascending, no coefficient zero.
type Terms = Vec<(Var, i128)>;

/// `constant + sum of coefficient * variable`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Linear {
    pub(super) terms: Terms,
    pub(super) constant: i128,
}

impl Linear {
    pub(super) fn constant(constant: i128) -> Linear {
        Linear { terms: Vec::new(), constant }
    }

    pub(super) fn var(var: Var) -> Linear {
        Linear { terms: vec![(var, 1)], constant: 0 }
    }

    pub(super) fn coefficient(&self, var: Var) -> i128 {
        self.terms.binary_search_by_key(&var, |term| term.0).map_or(0, |n| self.terms[n].1)
    }

    pub(super) fn is_constant(&self) -> bool {
        self.terms.is_empty()
    }

    pub(super) fn times(&self, factor: i128) -> Result<Linear, CountError> {
        self.plus_times(factor.checked_sub(1).ok_or(CountError::Overflow)?, self)
    }

    pub(super) fn negated(&self) -> Result<Linear, CountError> {
        self.times(-1)
    }

    pub(super) fn plus_constant(&self, constant: i128) -> Result<Linear, CountError> {
        let constant = self.constant.checked_add(constant).ok_or(CountError::Overflow)?;
        Ok(Linear { terms: self.terms.clone(), constant })
    }

    pub(super) fn plus(&self, other: &Linear) -> Result<Linear, CountError> {
        self.plus_times(1, other)
    }

    pub(super) fn minus(&self, other: &Linear) -> Result<Linear, CountError> {
        self.plus_times(-1, other)
    }

    /// `self + factor * other`.
    pub(super) fn plus_times(&self, factor: i128, other: &Linear) -> Result<Linear, CountError> {
        let scaled = |value: i128, onto: i128| {
            value.checked_mul(factor).and_then(|product| product.checked_add(onto)).ok_or(CountError::Overflow)
        };
        let mut terms = Vec::with_capacity(self.terms.len() + other.terms.len());
        let (mut left, mut right) = (self.terms.iter().peekable(), other.terms.iter().peekable());
        loop {
            let (var, coefficient) = match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(&&(a, value)), Some(&&(b, _))) if a < b => (a, take(&mut left, value)),
                (Some(&&(a, value)), None) => (a, take(&mut left, value)),
                (Some(&&(a, onto)), Some(&&(b, value))) if a == b => {
                    left.next();
                    right.next();
                    (a, scaled(value, onto)?)
                }
                (_, Some(&&(b, value))) => {
                    right.next();
                    (b, scaled(value, 0)?)
                }
            };
            if coefficient != 0 {
                terms.push((var, coefficient));
            }
        }
        Ok(Linear { terms, constant: scaled(other.constant, self.constant)? })
    }

    /// The form with `var` replaced by `by`.
    pub(super) fn replaced(&self, var: Var, by: &Linear) -> Result<Linear, CountError> {
        let coefficient = self.coefficient(var);
        if coefficient == 0 {
            return Ok(self.clone());
        }
        self.without(var).plus_times(coefficient, by)
    }

    pub(super) fn without(&self, var: Var) -> Linear {
        let terms = self.terms.iter().filter(|term| term.0 != var).copied().collect();
        Linear { terms, constant: self.constant }
    }

    /// The greatest common divisor of the coefficients; 0 for a constant.
    pub(super) fn content(&self) -> i128 {
        self.terms.iter().fold(0, |divisor, term| gcd(divisor, term.1))
    }
}

fn take<'a>(terms: &mut impl Iterator<Item = &'a (Var, i128)>, value: i128) -> i128 {
    terms.next();
    value
}

fn opposite(terms: &Terms) -> Terms {
    terms.iter().map(|&(var, c)| (var, -c)).collect()
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.saturating_abs(), b.saturating_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A conjunction of linear constraints over integers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct System {
    /// `terms + constant >= 0`, the coefficients without a common divisor, one constant (the tightest) for given terms.
    at_least: BTreeMap<Terms, i128>,
    /// Each is 0.
    zeros: Vec<Linear>,
    empty: bool,
}

impl System {
    pub(super) fn is_empty(&self) -> bool {
        self.empty
    }

    /// Adds `form >= 0`.
    pub(super) fn require(&mut self, form: &Linear) -> Result<(), CountError> {
        let content = form.content();
        if content == 0 {
            self.empty |= form.constant < 0;
            return Ok(());
        }
        let terms: Terms = form.terms.iter().map(|&(var, c)| (var, c / content)).collect();
        let constant = form.constant.div_euclid(content);
        if self.at_least.get(&terms).is_some_and(|&known| known <= constant) {
            return Ok(());
        }
        if let Some(value) = self.known(&terms) {
            self.empty |= value.checked_add(constant).ok_or(CountError::Overflow)? < 0;
            return Ok(());
        }
        let opposite = opposite(&terms);
        match self.at_least.get(&opposite).map(|&other| other.checked_add(constant)) {
            Some(None) => return Err(CountError::Overflow),
            Some(Some(sum)) if sum < 0 => self.empty = true,
            Some(Some(0)) => {
                self.at_least.remove(&opposite);
                self.at_least.remove(&terms);
                self.zeros.push(Linear { terms, constant });
            }
            _ => {
                self.at_least.insert(terms, constant);
            }
        }
        Ok(())
    }

    /// Adds `form = 0`.
    pub(super) fn require_zero(&mut self, form: &Linear) {
        let content = form.content();
        if content == 0 {
            self.empty |= form.constant != 0;
        } else if form.constant % content != 0 {
            self.empty = true;
        } else {
            let terms: Terms = form.terms.iter().map(|&(var, c)| (var, c / content)).collect();
            let constant = form.constant / content;
            if let Some(value) = self.known(&terms) {
                self.empty |= value.checked_neg() != Some(constant);
                return;
            }
            let (above, below) = (self.at_least.remove(&terms), self.at_least.remove(&opposite(&terms)));
            self.empty |= above.is_some_and(|least| least < constant);
            self.empty |= below.is_some_and(|most| most.checked_add(constant).is_some_and(|sum| sum < 0));
            self.zeros.push(Linear { terms, constant });
        }
    }

    /// The value of `terms`, where a form that is 0 says it.
    fn known(&self, terms: &Terms) -> Option<i128> {
        let opposite = opposite(terms);
        self.zeros.iter().find_map(|zero| match &zero.terms {
            known if known == terms => zero.constant.checked_neg(),
            known if *known == opposite => Some(zero.constant),
            _ => None,
        })
    }

    pub(super) fn take_zero(&mut self) -> Option<Linear> {
        self.zeros.pop()
    }

    /// Replaces `var` by `by` everywhere.
    pub(super) fn replace(&mut self, var: Var, by: &Linear) -> Result<(), CountError> {
        // All leave before the first returns: `by` may mention `var`, which then means something else.
        let (at_least, zeros) = (self.remove(var), std::mem::take(&mut self.zeros));
        for form in zeros {
            self.require_zero(&form.replaced(var, by)?);
        }
        at_least.iter().try_for_each(|form| self.require(&form.replaced(var, by)?))
    }

    /// Takes out the inequalities that mention `var`.
    pub(super) fn remove(&mut self, var: Var) -> Vec<Linear> {
        let found: Vec<Linear> = self.mentioning(var).collect();
        for form in &found {
            self.at_least.remove(&form.terms);
        }
        found
    }

    pub(super) fn mentioning(&self, var: Var) -> impl Iterator<Item = Linear> {
        self.inequalities().filter(move |form| form.coefficient(var) != 0)
    }

    pub(super) fn inequalities(&self) -> impl Iterator<Item = Linear> {
        self.at_least.iter().map(|(terms, &constant)| Linear { terms: terms.clone(), constant })
    }

    pub(super) fn vars(&self) -> BTreeSet<Var> {
        let zeros = self.zeros.iter().flat_map(|form| &form.terms);
        self.at_least.keys().flatten().chain(zeros).map(|term| term.0).collect()
    }

    /// The range of `var` by the inequalities that mention no other variable; `None` where there is no such bound.
    pub(super) fn range(&self, var: Var) -> (Option<i128>, Option<i128>) {
        let low = self.at_least.get(&vec![(var, 1)]).map(|&constant| constant.saturating_neg());
        let high = self.at_least.get(&vec![(var, -1)]).copied();
        (low, high)
    }

    /// The least value of `form` over the ranges of its variables; `None` if there is no least.
    pub(super) fn least(&self, form: &Linear) -> Option<i128> {
        form.terms.iter().try_fold(form.constant, |sum, &(var, coefficient)| {
            let (low, high) = self.range(var);
            let extreme = if coefficient > 0 { low } else { high }?;
            sum.checked_add(coefficient.checked_mul(extreme)?)
        })
    }

    /// Whether `form >= 0` plainly follows from the inequalities: from one of the same terms, or from the ranges.
    pub(super) fn implies(&self, form: &Linear) -> bool {
        let content = form.content();
        if content == 0 {
            return form.constant >= 0;
        }
        let terms: Terms = form.terms.iter().map(|&(var, c)| (var, c / content)).collect();
        let constant = form.constant.div_euclid(content);
        self.at_least.get(&terms).is_some_and(|&known| known <= constant)
            || self.least(form).is_some_and(|least| least >= 0)
    }

    /// The systems of variables that no constraint joins; there is no equality left.
    pub(super) fn components(&self) -> Vec<System> {
        let mut parts: Vec<(BTreeSet<Var>, System)> = Vec::new();
        for (terms, &constant) in &self.at_least {
            let mut vars: BTreeSet<Var> = terms.iter().map(|term| term.0).collect();
            let mut joined = System::default();
            joined.at_least.insert(terms.clone(), constant);
            let (touching, apart) = parts.into_iter().partition(|(other, _)| !other.is_disjoint(&vars));
            parts = apart;
            for (others, system) in Vec::from_iter::<Vec<(BTreeSet<Var>, System)>>(touching) {
                vars.extend(others);
                joined.at_least.extend(system.at_least);
            }
            parts.push((vars, joined));
        }
        parts.into_iter().map(|(_, system)| system).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_known_excludes_others_in_either_order() {
        let (value, below) = (Linear::var(0).plus_constant(-1).unwrap(), Linear::var(0).negated().unwrap());
        let mut known_first = System::default();
        known_first.require_zero(&value);
        known_first.require(&value).unwrap();
        assert!(!known_first.is_empty());
        known_first.require(&below).unwrap();
        let mut known_last = System::default();
        known_last.require(&below).unwrap();
        known_last.require_zero(&value);
        let mut twice = System::default();
        twice.require_zero(&value);
        twice.require_zero(&below);
        assert!(known_first.is_empty() && known_last.is_empty() && twice.is_empty());
    }
}
