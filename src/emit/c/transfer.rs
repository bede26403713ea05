//! Which calls of the runtime make a `load` or `store`? Loops around one box.
//!
//! A range becomes a dimension of the box when its bounds do not depend on another dimension and it enters both elements
//! linearly; the rest become loops around the call. Ranges are tried from the innermost outwards. Taking a range into the
//! box may move it inside a loop that stood within it. That keeps what the transfer leaves behind: two instances that write the
//! same element agree in every iterator that is alone in an index of the target, and the others keep their order.

use super::Writer;
use super::linear::Linear;
use crate::emit::EmitError;
use crate::lang::ast::{Access, Affine, Direction, Range, Role, Transfer, Type};

/// The most dimensions that a call takes.
const MAX_DIMS: usize = 8;

/// A dimension of a box.
struct Dim {
    extent: Extent,
    /// In elements.
    target: i64,
    source: i64,
}

enum Extent {
    Constant(i64),
    /// C text.
    Run(String),
}

impl Writer<'_> {
    pub fn transfer(&mut self, transfer: &Transfer) -> Result<(), EmitError> {
        self.check(transfer)?;
        let mut boxed = vec![false; transfer.ranges.len()];
        for r in (0..transfer.ranges.len()).rev() {
            boxed[r] = true;
            if !keeps_order(transfer, &boxed, r) || !self.is_box(transfer, &boxed)? {
                boxed[r] = false;
            }
        }
        while let Some(dims) = self.emit_box(transfer, &boxed)? {
            // Too many dimensions: the outermost becomes the innermost loop, which changes no order.
            let outermost = boxed.iter().position(|&b| b).filter(|_| dims > MAX_DIMS);
            outermost.map(|r| boxed[r] = false).ok_or(EmitError::TooLarge)?;
        }
        Ok(())
    }

    fn check(&mut self, transfer: &Transfer) -> Result<(), EmitError> {
        let (target, source) = (self.place_role(&transfer.target)?, self.place_role(&transfer.source)?);
        let on_chip = |(role, _): (Role, _)| role == Role::Scratch;
        let direction = match transfer.direction {
            Direction::Load => on_chip(target) && !on_chip(source),
            Direction::Store => !on_chip(target) && on_chip(source),
        };
        if !direction || target.1 != source.1 {
            let (target, source) = (transfer.target.array.clone(), transfer.source.array.clone());
            return Err(EmitError::Mismatch { target, source });
        }
        self.used.insert(transfer.target.array.clone());
        self.used.insert(transfer.source.array.clone());
        Ok(())
    }

    fn place_role(&self, access: &Access) -> Result<(Role, Type), EmitError> {
        let array = self.program.array(&access.array);
        array.map(|a| (a.role, a.ty)).ok_or_else(|| EmitError::Unresolved { name: access.array.clone() })
    }

    /// Whether the ranges chosen so far form a box: both elements are linear in them.
    fn is_box(&mut self, transfer: &Transfer, boxed: &[bool]) -> Result<bool, EmitError> {
        self.enter(transfer, boxed)?;
        let elements = self.ends(transfer);
        self.bounds.pop(transfer.ranges.len());
        let (target, source) = elements?;
        let dims = || transfer.ranges.iter().zip(boxed).filter(|(_, b)| **b).map(|(r, _)| &r.iterator);
        let linear = |e: &Linear| dims().all(|name| e.coefficient(name).is_some());
        Ok(linear(&target) && linear(&source))
    }

    /// Puts the ranges in scope: those of the box count from zero.
    fn enter(&mut self, transfer: &Transfer, boxed: &[bool]) -> Result<(), EmitError> {
        for (range, &dim) in transfer.ranges.iter().zip(boxed) {
            if dim { self.bounds.push_counted(range)? } else { self.bounds.push(range)? }
        }
        Ok(())
    }

    fn ends(&self, transfer: &Transfer) -> Result<(Linear, Linear), EmitError> {
        Ok((self.place(&transfer.target)?.1, self.place(&transfer.source)?.1))
    }

    /// Emits the loops and the call, or says how many dimensions it has when there are too many.
    fn emit_box(&mut self, transfer: &Transfer, boxed: &[bool]) -> Result<Option<usize>, EmitError> {
        self.enter(transfer, boxed)?;
        let (target, source) = self.ends(transfer)?;
        let mut dims = Vec::new();
        for (range, _) in transfer.ranges.iter().zip(boxed).filter(|(_, b)| **b) {
            let stride = |e: &Linear| e.coefficient(&range.iterator).ok_or(EmitError::NotAffine);
            dims.push(Dim { extent: self.extent(range)?, target: stride(&target)?, source: stride(&source)? });
        }
        let dims = merged(dims);
        if dims.len() > MAX_DIMS {
            self.bounds.pop(transfer.ranges.len());
            return Ok(Some(dims.len()));
        }
        let origin = |mut e: Linear| {
            for (range, _) in transfer.ranges.iter().zip(boxed).filter(|(_, b)| **b) {
                e = e.without(&range.iterator);
            }
            e
        };
        let (target, source) = (origin(target), origin(source));
        let call = self.call_text(transfer, &target, &source, &dims)?;
        let mut loops = Vec::new();
        for (range, _) in transfer.ranges.iter().zip(boxed).filter(|(_, b)| !**b) {
            loops.push(self.loop_head(range)?);
        }
        self.bounds.pop(transfer.ranges.len());
        for head in &loops {
            self.line(head);
            self.depth += 1;
        }
        self.line(&call);
        self.depth -= loops.len();
        Ok(None)
    }

    fn call_text(
        &mut self,
        transfer: &Transfer,
        target: &Linear,
        source: &Linear,
        dims: &[Dim],
    ) -> Result<String, EmitError> {
        let bytes = self.place(&transfer.target)?.0.ty.bytes();
        let whole = [Dim { extent: Extent::Constant(1), target: 1, source: 1 }];
        let dims = if dims.is_empty() { &whole[..] } else { dims };
        let function = match transfer.direction {
            Direction::Load => self.helpers.load(dims.len()),
            Direction::Store => self.helpers.store(dims.len()),
        };
        let mut text = format!(
            "{function}({}, {}, {bytes}",
            self.origin(&transfer.target, target)?,
            self.origin(&transfer.source, source)?
        );
        for dim in dims {
            let extent = match &dim.extent {
                Extent::Constant(extent) => extent.to_string(),
                Extent::Run(extent) => extent.clone(),
            };
            let stride = |elements: i64| elements.checked_mul(bytes).ok_or(EmitError::TooLarge);
            text += &format!(", {extent}, {}, {}", stride(dim.target)?, stride(dim.source)?);
        }
        Ok(text + ");")
    }

    /// The address of a box's first element.
    fn origin(&mut self, access: &Access, element: &Linear) -> Result<String, EmitError> {
        let name = self.names.get(&access.array)?.to_string();
        match element.as_constant() {
            Some(0) => Ok(name),
            _ => Ok(format!("&{name}[{}]", self.sum(element)?)),
        }
    }

    fn extent(&mut self, range: &Range) -> Result<Extent, EmitError> {
        let (lo, hi) = (self.linear(&range.lo)?, self.linear(&range.hi)?);
        let length = hi.plus(&lo, -1)?;
        if let Some(length) = length.as_constant() {
            return Ok(Extent::Constant(if length > 0 { (length - 1) / range.step + 1 } else { 0 }));
        }
        if range.step == 1 && self.bounds.lower(&length).is_some_and(|lo| lo >= 0) {
            return Ok(Extent::Run(format!("(size_t){}", self.cast_operand(&length)?)));
        }
        let (lo, hi) = (self.sum(&lo)?, self.sum(&hi)?);
        let helper = self.helpers.call("pf_count");
        Ok(Extent::Run(format!("{helper}({lo}, {hi}, {})", range.step)))
    }

    fn cast_operand(&mut self, linear: &Linear) -> Result<String, EmitError> {
        let text = self.sum(linear)?;
        let plain = matches!(linear.terms.as_slice(), [(_, 1)]) && linear.constant == 0;
        Ok(if plain { text } else { format!("({text})") })
    }
}

/// Drops dimensions of one element and joins a dimension to the next where together they are one run on both sides.
fn merged(dims: Vec<Dim>) -> Vec<Dim> {
    let mut kept: Vec<Dim> = Vec::new();
    for dim in dims.into_iter().filter(|d| !matches!(d.extent, Extent::Constant(1))) {
        kept.push(dim);
        while let [.., outer, inner] = kept.as_slice() {
            let Extent::Constant(extent) = inner.extent else { break };
            let run = |stride: i64| stride.checked_mul(extent);
            if run(inner.target) != Some(outer.target) || run(inner.source) != Some(outer.source) {
                break;
            }
            let joined = match &outer.extent {
                Extent::Constant(outer) => match outer.checked_mul(extent) {
                    Some(product) => Extent::Constant(product),
                    None => break,
                },
                Extent::Run(outer) => Extent::Run(format!("{outer} * {extent}")),
            };
            let dim = Dim { extent: joined, target: inner.target, source: inner.source };
            kept.truncate(kept.len() - 2);
            kept.push(dim);
        }
    }
    kept
}

/// Whether range `r` may stand in the box: no dimension's and no inner loop's bounds depend on it, and it does not pass an
/// inner loop with which it could write one element twice.
fn keeps_order(transfer: &Transfer, boxed: &[bool], r: usize) -> bool {
    let name = &transfer.ranges[r].iterator;
    let free = !alone_in_an_index(transfer, r);
    transfer.ranges.iter().enumerate().skip(r + 1).all(|(inner, range)| {
        let depends = mentions(&range.lo, name) || mentions(&range.hi, name);
        let passes = !boxed[inner] && free && !alone_in_an_index(transfer, inner);
        !depends && !passes
    })
}

/// Whether some index of the target tells the iterator's value: it enters linearly there, and no other iterator of the transfer does.
fn alone_in_an_index(transfer: &Transfer, r: usize) -> bool {
    transfer.target.indices.iter().any(|index| {
        let others = transfer.ranges.iter().enumerate().any(|(o, range)| o != r && mentions(index, &range.iterator));
        !others && is_injective(index, &transfer.ranges[r].iterator)
    })
}

/// Whether the index is a sum in which the iterator stands once, perhaps negated.
fn is_injective(index: &Affine, name: &str) -> bool {
    use crate::lang::ast::AffineKind::{Add, Name, Neg, Sub};
    match &index.kind {
        Name(n) => &**n == name,
        Neg(a) => is_injective(a, name),
        Add(a, b) | Sub(a, b) => match (mentions(a, name), mentions(b, name)) {
            (true, false) => is_injective(a, name),
            (false, true) => is_injective(b, name),
            _ => false,
        },
        _ => false,
    }
}

fn mentions(affine: &Affine, name: &str) -> bool {
    use crate::lang::ast::AffineKind::{Add, Div, Int, Max, Min, Mod, Mul, Name, Neg, Sub};
    match &affine.kind {
        Int(_) => false,
        Name(n) => &**n == name,
        Neg(a) => mentions(a, name),
        Add(a, b) | Sub(a, b) | Mul(a, b) | Div(a, b) | Mod(a, b) => mentions(a, name) || mentions(b, name),
        Min(parts) | Max(parts) => parts.iter().any(|p| mentions(p, name)),
    }
}
