//! How does an index, a bound or a condition read in C? Sums of `int64_t`, with the plain `/` and `%` where they are safe.

use super::Writer;
use super::linear::{Atom, Linear};
use crate::emit::EmitError;
use crate::lang::ast::{Access, Affine, Array, Comparison, Condition, Role};

impl Writer<'_> {
    pub fn linear(&self, affine: &Affine) -> Result<Linear, EmitError> {
        Linear::of(affine, &self.bounds)
    }

    pub fn affine(&mut self, affine: &Affine) -> Result<String, EmitError> {
        let linear = self.linear(affine)?;
        self.sum(&linear)
    }

    /// A sum without parentheses around it.
    pub fn sum(&mut self, linear: &Linear) -> Result<String, EmitError> {
        self.fits(linear)?;
        let mut text = String::new();
        for (atom, coefficient) in &linear.terms {
            let atom = self.atom(atom)?;
            let magnitude = coefficient.unsigned_abs();
            match (text.is_empty(), *coefficient < 0) {
                (true, true) => text += "-",
                (true, false) => {}
                (false, true) => text += " - ",
                (false, false) => text += " + ",
            }
            text += &if magnitude == 1 { atom } else { format!("{magnitude} * {atom}") };
        }
        match (text.is_empty(), linear.constant) {
            (true, i64::MIN) => text += "INT64_MIN",
            (true, constant) => text += &constant.to_string(),
            (false, 0) => {}
            (false, constant) if constant < 0 => text += &format!(" - {}", constant.unsigned_abs()),
            (false, constant) => text += &format!(" + {constant}"),
        }
        Ok(text)
    }

    /// As a factor: a sum of several terms stands in parentheses.
    pub fn factor(&mut self, linear: &Linear) -> Result<String, EmitError> {
        let text = self.sum(linear)?;
        let plain = matches!(linear.terms.as_slice(), [(_, 1)]) && linear.constant == 0;
        Ok(if plain || linear.as_constant().is_some_and(|c| c >= 0) { text } else { format!("({text})") })
    }

    /// Large coefficients could leave 64 bits on the way.
    fn fits(&self, linear: &Linear) -> Result<(), EmitError> {
        let large = |value: i64| value.unsigned_abs() > 1 << 31;
        if !linear.terms.iter().any(|(_, c)| large(*c)) {
            return Ok(());
        }
        let (lower, upper) = (self.bounds.lower(linear), self.bounds.upper(linear));
        let inside = |bound: Option<i128>| bound.is_some_and(|b| i64::try_from(b).is_ok());
        if inside(lower) && inside(upper) { Ok(()) } else { Err(EmitError::TooLarge) }
    }

    fn atom(&mut self, atom: &Atom) -> Result<String, EmitError> {
        match atom {
            Atom::Iterator(name) => self.names.get(name).map(str::to_string),
            Atom::Div(inner, n) => self.quotient(inner, *n, "/", "pf_div"),
            Atom::Mod(inner, n) => self.quotient(inner, *n, "%", "pf_mod"),
            Atom::Min(parts) => self.extreme(parts, "pf_min"),
            Atom::Max(parts) => self.extreme(parts, "pf_max"),
        }
    }

    fn quotient(&mut self, inner: &Linear, n: i64, operator: &str, helper: &'static str) -> Result<String, EmitError> {
        if self.bounds.lower(inner).is_some_and(|lo| lo >= 0) {
            return Ok(format!("({} {operator} {n})", self.factor(inner)?));
        }
        let inner = self.sum(inner)?;
        Ok(format!("{}({inner}, {n})", self.helpers.call(helper)))
    }

    fn extreme(&mut self, parts: &[Linear], helper: &'static str) -> Result<String, EmitError> {
        let mut text = String::new();
        for part in parts {
            let part = self.sum(part)?;
            text = if text.is_empty() { part } else { format!("{}({text}, {part})", self.helpers.call(helper)) };
        }
        Ok(text)
    }

    /// The array of an access and its element in row-major order.
    pub fn place(&self, access: &Access) -> Result<(&Array, Linear), EmitError> {
        let unresolved = || EmitError::Unresolved { name: access.array.clone() };
        let array = self.program.array(&access.array).ok_or_else(unresolved)?;
        if array.extents.len() != array.dims.len() || access.indices.len() != array.dims.len() {
            return Err(unresolved());
        }
        let mut element = Linear::default();
        for (index, extent) in access.indices.iter().zip(&array.extents) {
            element = element.times(*extent)?.plus(&self.linear(index)?, 1)?;
        }
        Ok((array, element))
    }

    /// `S[32 * i + j]`, for an access of an assignment.
    pub fn element(&mut self, access: &Access) -> Result<String, EmitError> {
        let (array, element) = self.place(access)?;
        if array.role != Role::Scratch {
            return Err(EmitError::DirectAccess { array: access.array.clone() });
        }
        self.used.insert(access.array.clone());
        let element = self.sum(&element)?;
        Ok(format!("{}[{element}]", self.names.get(&access.array)?))
    }

    /// A condition of an `if`, without parentheses around it.
    pub fn condition(&mut self, condition: &Condition<Affine>) -> Result<String, EmitError> {
        match condition {
            Condition::Chain(first, rest) => {
                let mut left = self.linear(first)?;
                let mut parts = Vec::new();
                for (comparison, right) in rest {
                    let right = self.linear(right)?;
                    parts.push(self.comparison(&left, *comparison, &right)?);
                    left = right;
                }
                Ok(parts.join(" && "))
            }
            Condition::And(parts) => self.joined(parts, " && "),
            Condition::Or(parts) => self.joined(parts, " || "),
            Condition::Not(inner) => Ok(format!("!({})", self.condition(inner)?)),
        }
    }

    fn joined(&mut self, parts: &[Condition<Affine>], operator: &str) -> Result<String, EmitError> {
        let parts: Result<Vec<_>, _> = parts.iter().map(|p| self.condition(p).map(|p| format!("({p})"))).collect();
        Ok(parts?.join(operator))
    }

    /// Compilers warn of a comparison whose result is known; here it is `1` or `0`.
    fn comparison(&mut self, left: &Linear, by: Comparison, right: &Linear) -> Result<String, EmitError> {
        if let Some(difference) = left.plus(right, -1)?.as_constant() {
            return Ok(u8::from(by.holds(&difference, &0)).to_string());
        }
        Ok(format!("{} {} {}", self.sum(left)?, symbol(by), self.sum(right)?))
    }
}

pub fn symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Lt => "<",
        Comparison::Le => "<=",
        Comparison::Gt => ">",
        Comparison::Ge => ">=",
        Comparison::Eq => "==",
        Comparison::Ne => "!=",
    }
}
