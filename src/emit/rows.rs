//! Between which bounds does each loop run? A set's rows by innermost loop, so that each loop sees only the loops around it.
//!
//! A loop is eliminated by adding each lower bound to each upper bound, or by an equality that fixes it; an equality that fixes a
//! multiple of it leaves a congruence of the loops around it, and so it does of what must exist. What outer loops get to know
//! in that way can be less than all over the integers: then an inner loop is empty in some of their iterations, and each row still
//! holds at its own loop. Of the rows that stand, those that follow from others go: a row follows if, eliminating its loops from
//! the innermost by single rows, a number that is not negative remains. That test is quick and proves enough; it may miss a row that
//! follows from several at once, which then stands as a needless bound.
//!
//! Source: Ancourt and Irigoin, "Scanning polyhedra with DO loops", PPoPP 1991.
//! Differs: redundancy is not decided by linear programming.

use super::residue::{Congruence, Residue, gcd};
use crate::isl::Row;

/// Numbers beyond this are refused, so that signs change and two numbers add without overflow.
const LIMIT: i64 = 1 << 61;

/// Beyond this many rows only those over one loop are made: elimination can square their number.
const MOST_ROWS: usize = 256;

/// A proof that takes more steps than this is given up.
const MOST_STEPS: u32 = 4096;

/// Rows by innermost loop: `levels[d]` names loop `d` and loops around it alone; and congruences. `{ [c] }`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    levels: Vec<Vec<Row>>,
    strides: Vec<Congruence>,
}

/// What scanning the points of some rows needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projected {
    Empty,
    /// The rows, with what they say of outer loops alone.
    Levels(Levels),
    /// A loop has no bound, what must exist is more than a multiple, there are too many rows, or a number does not fit.
    Unknown,
}

impl Levels {
    /// The points of some rows over `loops` loops, outermost first; columns beyond them are integers that must exist.
    pub fn project(rows: Vec<Row>, loops: usize) -> Projected {
        let fits = |row: &Row| row.coefficients.iter().chain([&row.constant]).all(|&v| bounded(v).is_some());
        if !rows.iter().all(fits) {
            return Projected::Unknown;
        }
        Levels::eliminated(rows, loops).unwrap_or(Projected::Unknown)
    }

    fn eliminated(rows: Vec<Row>, loops: usize) -> Option<Projected> {
        let Settled { rows: mut outer, mut strides } = settled(rows, loops)?;
        let mut levels = vec![Vec::new(); loops];
        for d in (0..loops).rev() {
            let Some(rows) = merged(outer) else { return Some(Projected::Empty) };
            let (here, rest) = rows.into_iter().partition(|row| row.coefficients[d] != 0);
            outer = rest;
            levels[d] = eliminate(here, d, &mut outer)?;
            let Some(fixed) = levels[d].iter().find(|row| row.is_equality) else { continue };
            let given = strides.iter().map(|stride| stride.substituted(fixed, d)).collect::<Option<Vec<_>>>()?;
            let residues = given.into_iter().chain([Residue::of_fixed(fixed, d)?]);
            match satisfied(residues) {
                Some(known) => strides = known,
                None => return Some(Projected::Empty),
            }
        }
        if merged(outer).is_none() {
            return Some(Projected::Empty);
        }
        let mut levels = Levels { levels, strides };
        levels.prune();
        Some(Projected::Levels(levels))
    }

    /// Loops around the points of some rows, by the equalities and by those bounds whose innermost loop has a coefficient of one.
    pub fn around(mut rows: Vec<Row>, loops: usize) -> Projected {
        rows.retain(|row| {
            let innermost = row.coefficients.iter().take(loops).rposition(|c| *c != 0);
            let is_unit = innermost.is_none_or(|d| row.coefficients[d].abs() == 1);
            (is_unit || row.is_equality) && row.coefficients.iter().skip(loops).all(|c| *c == 0)
        });
        Levels::project(rows, loops)
    }

    /// The rows whose innermost loop is `d`.
    pub fn of(&self, d: usize) -> &[Row] {
        self.levels.get(d).map_or(&[], |rows| rows)
    }

    /// The rows over the outer `depth` loops alone, those of inner loops first.
    pub fn outside(&self, depth: usize) -> impl Iterator<Item = &Row> {
        self.levels.iter().take(depth).rev().flatten()
    }

    /// The congruences over the outer `depth` loops alone.
    pub fn strides(&self, depth: usize) -> impl Iterator<Item = &Congruence> {
        self.strides.iter().filter(move |stride| stride.innermost() < depth)
    }

    /// Adds a congruence that is known to hold.
    pub fn learn_stride(&mut self, stride: &Congruence) {
        self.strides.push(stride.clone());
    }

    /// Adds a row that is known to hold, and what it says of outer loops together with bounds of the same loop.
    pub fn learn(&mut self, row: &Row) {
        let Some(d) = innermost(row) else { return };
        if self.levels.len() <= d {
            self.levels.resize(d + 1, Vec::new());
        }
        let opposite =
            |other: &&Row| !row.is_equality && other.coefficients[d].signum() == -row.coefficients[d].signum();
        let sum = |other: &Row| combined(row, other.coefficients[d].abs(), other, row.coefficients[d].abs());
        let outer: Vec<Row> = self.levels[d].iter().filter(opposite).filter_map(sum).collect();
        self.levels[d].push(row.clone());
        for row in outer.into_iter().filter_map(tightened) {
            if !follows(&row, &[self]) {
                self.learn(&row);
            }
        }
    }

    /// Drops what follows from the others, rows over more loops first.
    fn prune(&mut self) {
        for _ in 0..self.strides.len() {
            let stride = self.strides.remove(0);
            if !divides(&stride, &[self]) {
                self.strides.push(stride);
            }
        }
        for d in (0..self.levels.len()).rev() {
            self.levels[d].sort_by_key(|row| std::cmp::Reverse(terms(row)));
            let mut at = 0;
            while at < self.levels[d].len() {
                let row = self.levels[d].remove(at);
                if !follows(&row, &[self]) {
                    self.levels[d].insert(at, row);
                    at += 1;
                }
            }
            self.levels[d].reverse();
        }
    }
}

/// How many loops a row names.
fn terms(row: &Row) -> usize {
    row.coefficients.iter().filter(|c| **c != 0).count()
}

fn innermost(row: &Row) -> Option<usize> {
    row.coefficients.iter().rposition(|c| *c != 0)
}

/// Whether a row is proven to hold wherever all `facts` do.
pub fn follows(row: &Row, facts: &[&Levels]) -> bool {
    let mut steps = MOST_STEPS;
    proven(row, facts, &mut steps)
}

fn proven(row: &Row, facts: &[&Levels], steps: &mut u32) -> bool {
    let Some(left) = steps.checked_sub(1) else { return false };
    *steps = left;
    let Some(row) = tightened(row.clone()) else { return false };
    let Some(d) = innermost(&row) else {
        return if row.is_equality { row.constant == 0 } else { row.constant >= 0 };
    };
    if row.is_equality {
        let sides = [negated(&row), row];
        return sides.into_iter().all(|side| proven(&Row { is_equality: false, ..side }, facts, steps));
    }
    let row = relaxed(row, facts);
    // A multiple of the row is a fact plus what is left: if that is not negative, neither is the row.
    facts.iter().flat_map(|known| known.of(d)).any(|fact| {
        let same_way = (fact.coefficients[d] > 0) == (row.coefficients[d] > 0);
        let rest = match (same_way, fact.is_equality) {
            (true, _) => without(&row, fact, d),
            (false, true) => without(&row, &negated(fact), d),
            (false, false) => None,
        };
        // `m` times a row is not negative where it is above `-m`.
        let slack = fact.coefficients[d].abs() / gcd(fact.coefficients[d], row.coefficients[d]) - 1;
        rest.is_some_and(|rest| proven(&Row { constant: rest.constant + slack, ..rest }, facts, steps))
    })
}

/// The weakest row that says the same as a row wherever the congruences of all `facts` hold.
fn relaxed(mut row: Row, facts: &[&Levels]) -> Row {
    for stride in facts.iter().flat_map(|known| &known.strides) {
        if let Some(remainder) = stride.remainder(&row) {
            // The next value below zero is as far away as the modulus.
            row.constant += stride.modulus - 1 - remainder;
        }
    }
    row
}

/// Whether a congruence is proven to hold wherever all `facts` do.
pub fn divides(stride: &Congruence, facts: &[&Levels]) -> bool {
    let proves = |fact: &Congruence| match stride.without(fact) {
        Some(Residue::Any) => true,
        Some(Residue::Some(rest)) => divides(&rest, facts),
        _ => false,
    };
    let of_equality = |row: &Row| match Residue::of_row(row, stride.modulus) {
        Some(Residue::Some(fact)) => proves(&fact),
        _ => false,
    };
    let mut equalities = facts.iter().flat_map(|known| known.of(stride.innermost())).filter(|row| row.is_equality);
    facts.iter().flat_map(|known| &known.strides).any(proves) || equalities.any(of_equality)
}

/// The congruences that say something; `None` where no point satisfies them.
fn satisfied(residues: impl IntoIterator<Item = Residue>) -> Option<Vec<Congruence>> {
    let known = residues.into_iter().filter(|residue| *residue != Residue::Any);
    known.map(|residue| if let Residue::Some(stride) = residue { Some(stride) } else { None }).collect()
}

/// The rows that bound loop `d`; what they say of the loops around it goes to `outer`.
fn eliminate(here: Vec<Row>, d: usize, outer: &mut Vec<Row>) -> Option<Vec<Row>> {
    let equalities = here.iter().enumerate().filter(|(_, row)| row.is_equality);
    if let Some((at, fixed)) = equalities.min_by_key(|(_, row)| row.coefficients[d].abs()) {
        for other in here.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, row)| row) {
            outer.push(substituted(other, fixed, d)?);
        }
        return Some(vec![fixed.clone()]);
    }
    let (lower, upper): (Vec<&Row>, Vec<&Row>) = here.iter().partition(|row| row.coefficients[d] > 0);
    let many = outer.len().saturating_add(lower.len().saturating_mul(upper.len())) > MOST_ROWS;
    if lower.is_empty() || upper.is_empty() {
        return None;
    }
    for low in &lower {
        for high in &upper {
            let sum = shadow(low, high, d)?;
            // Outer loops may run where inner ones are empty: what says little goes when there is too much.
            if !many || terms(&sum) <= 1 {
                outer.push(sum);
            }
        }
    }
    Some(here)
}

/// Rows over loops alone.
pub struct Settled {
    pub rows: Vec<Row>,
    pub strides: Vec<Congruence>,
}

/// The rows with what must exist put in terms of the loops; `None` where no equality says what it is or is a multiple of.
pub fn settled(mut rows: Vec<Row>, loops: usize) -> Option<Settled> {
    let columns = rows.iter().map(|row| row.coefficients.len()).max().unwrap_or(loops);
    let mut strides = Vec::new();
    let mut open: Vec<usize> = (loops..columns).rev().collect();
    loop {
        open.retain(|&q| rows.iter().any(|row| row.coefficients[q] != 0));
        if open.is_empty() {
            break;
        }
        // A value is worth more than a multiple: it can bound loops.
        let value = open.iter().find_map(|&q| Some((q, fixing(&rows, q, loops)?)));
        let (q, fixed) = value.or_else(|| open.iter().find_map(|&q| Some((q, multiple(&rows, q, loops)?))))?;
        let (here, rest) = rows.into_iter().partition(|row| row.coefficients[q] != 0);
        rows = rest;
        for row in here {
            rows.push(substituted(&row, &fixed, q)?);
        }
        strides.push(Residue::of_fixed(&fixed, q)?);
    }
    rows.iter_mut().for_each(|row| row.coefficients.truncate(loops));
    let Some(mut strides) = satisfied(strides) else {
        return Some(Settled { rows: vec![never(loops)], strides: Vec::new() });
    };
    strides.iter_mut().for_each(|stride| stride.coefficients.truncate(loops));
    Some(Settled { rows, strides })
}

/// A row that no point satisfies.
fn never(loops: usize) -> Row {
    Row { is_equality: false, coefficients: vec![0; loops], constant: -1 }
}

/// An equality between a multiple of column `q` and loops alone.
fn multiple(rows: &[Row], q: usize, loops: usize) -> Option<Row> {
    let alone = |row: &&Row| row.coefficients.iter().enumerate().all(|(k, &c)| k < loops || (c != 0) == (k == q));
    let equalities = rows.iter().filter(|row| row.is_equality && row.coefficients[q] != 0);
    equalities.filter(alone).min_by_key(|row| row.coefficients[q].abs()).cloned()
}

/// An equality that fixes column `q`, among the rows or behind them: `79 x <= i < 79 x + 79` and `79 q <= i < 79 q + 79` leave
/// `q = x` when `i` is eliminated.
fn fixing(rows: &[Row], q: usize, loops: usize) -> Option<Row> {
    let fixes =
        |rows: Vec<Row>| merged(rows)?.into_iter().find(|row| row.is_equality && row.coefficients[q].abs() == 1);
    fixes(rows.to_vec()).or_else(|| {
        (0..loops).find_map(|d| {
            let (here, mut rest): (Vec<Row>, Vec<Row>) = rows.iter().cloned().partition(|row| row.coefficients[d] != 0);
            eliminate(here, d, &mut rest)?;
            fixes(rest)
        })
    })
}

/// `row` without column `d`, which `fixed` gives.
fn substituted(row: &Row, fixed: &Row, d: usize) -> Option<Row> {
    let same_way = (fixed.coefficients[d] > 0) == (row.coefficients[d] > 0);
    if same_way { without(row, fixed, d) } else { without(row, &negated(fixed), d) }
}

/// What two bounds of loop `d` say of the loops around it.
fn shadow(low: &Row, high: &Row, d: usize) -> Option<Row> {
    combined(low, -high.coefficients[d], high, low.coefficients[d])
}

/// A positive multiple of `row` without loop `d`, by taking away a multiple of a row with a coefficient of the same sign there.
fn without(row: &Row, fact: &Row, d: usize) -> Option<Row> {
    let (a, b) = (row.coefficients[d].abs(), fact.coefficients[d].abs());
    let g = gcd(a, b);
    let rest = combined(row, b / g, fact, -(a / g))?;
    Some(Row { is_equality: row.is_equality, ..rest })
}

/// `m·a + n·b`
fn combined(a: &Row, m: i64, b: &Row, n: i64) -> Option<Row> {
    let sum = |x: i64, y: i64| bounded(x.checked_mul(m)?.checked_add(y.checked_mul(n)?)?);
    let pairs = a.coefficients.iter().zip(&b.coefficients);
    let coefficients = pairs.map(|(&x, &y)| sum(x, y)).collect::<Option<Vec<_>>>()?;
    Some(Row { is_equality: false, coefficients, constant: sum(a.constant, b.constant)? })
}

/// The row with all signs changed.
fn negated(row: &Row) -> Row {
    let coefficients = row.coefficients.iter().map(|c| -c).collect();
    Row { is_equality: row.is_equality, coefficients, constant: -row.constant }
}

fn bounded(value: i64) -> Option<i64> {
    (-LIMIT..=LIMIT).contains(&value).then_some(value)
}

/// The row over the integers: the coefficients without a common divisor; `None` where no integer satisfies an equality.
fn tightened(mut row: Row) -> Option<Row> {
    let g = row.coefficients.iter().fold(0, |g, &c| gcd(g, c));
    if g > 1 {
        if row.is_equality && row.constant % g != 0 {
            return None;
        }
        row.coefficients.iter_mut().for_each(|c| *c /= g);
        row.constant = row.constant.div_euclid(g);
    }
    Some(row)
}

/// All values that some rows leave to one form.
struct Strip {
    /// The first that is not zero is positive.
    coefficients: Vec<i64>,
    low: Option<i64>,
    high: Option<i64>,
}

/// The rows tightened, each direction once, opposite ones that meet as equalities; `None` where no point satisfies them.
fn merged(rows: Vec<Row>) -> Option<Vec<Row>> {
    let mut strips: Vec<Strip> = Vec::new();
    for row in rows {
        let row = tightened(row)?;
        let Some(&first) = row.coefficients.iter().find(|c| **c != 0) else {
            let holds = if row.is_equality { row.constant == 0 } else { row.constant >= 0 };
            if holds {
                continue;
            } else {
                return None;
            };
        };
        let sign = first.signum();
        let coefficients: Vec<i64> = row.coefficients.iter().map(|c| c * sign).collect();
        let at = strips.iter().position(|strip| strip.coefficients == coefficients).unwrap_or_else(|| {
            strips.push(Strip { coefficients, low: None, high: None });
            strips.len() - 1
        });
        let value = -row.constant * sign;
        let strip = &mut strips[at];
        if row.is_equality || sign > 0 {
            strip.low = Some(strip.low.map_or(value, |low| low.max(value)));
        }
        if row.is_equality || sign < 0 {
            strip.high = Some(strip.high.map_or(value, |high| high.min(value)));
        }
    }
    strips.into_iter().try_fold(Vec::new(), |mut rows, strip| {
        rows.extend(strip.rows()?);
        Some(rows)
    })
}

impl Strip {
    fn rows(self) -> Option<Vec<Row>> {
        let Strip { coefficients, low, high } = self;
        let row = |is_equality, sign: i64, value: i64| {
            let coefficients = coefficients.iter().map(|c| c * sign).collect();
            Row { is_equality, coefficients, constant: -value * sign }
        };
        match (low, high) {
            (Some(low), Some(high)) if low > high => None,
            (Some(low), Some(high)) if low == high => Some(vec![row(true, 1, low)]),
            _ => Some(
                low.map(|low| row(false, 1, low)).into_iter().chain(high.map(|high| row(false, -1, high))).collect(),
            ),
        }
    }
}
