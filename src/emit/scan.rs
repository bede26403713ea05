//! Which loops visit the points of some sets in the order of their dates?
//!
//! A date alternates positions in sequences with loops. At a position the sets below part; at a loop they share one, over the
//! hull of what each needs, and each guards what is left of its own range as soon as it stands apart. So the loops
//! have the shape of the dates, and each bound is a row of a set. A congruence that all need of a loop is its step, any other a
//! guard. A set that is not convex and has to be visited in order is a guard inside the loops over its hull; where the sets are
//! more than rows and congruences, isl writes the loops.
//!
//! Source: Ancourt and Irigoin, "Scanning polyhedra with DO loops", PPoPP 1991; Quilleré, Rajopadhye and Wilde, "Generation of
//! efficient nested loops from polyhedra", IJPP 28(5), 2000.
//! Differs: a loop is never split into ranges, since guards inside cost less to read than copies of the body.

mod boxed;

use super::residue::{Congruence, Residue};
use super::rows::{Levels, Projected, divides, follows, settled};
use crate::isl::{Expr, Node, Op, Result, Row, Set, UnionMap};
use std::collections::BTreeMap;

/// One entry of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Date {
    /// A place in a sequence.
    Position(i64),
    /// The value of a dimension.
    Dim(usize),
}

/// Points to be visited, each at its date.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub name: String,
    /// Holds each dimension once.
    pub date: Vec<Date>,
    /// Points that agree in this many leading entries of the date may be visited in any order.
    pub ordered: usize,
    /// `{ S[x] }`
    pub set: Set,
}

/// The loops that visit all points of the leaves in the order of their dates.
///
/// # Errors
/// When isl's budget runs out.
pub fn scan(leaves: &[Leaf]) -> Result<Node> {
    match (direct(leaves)?, parts(leaves)) {
        (Some(node), _) => Ok(node),
        // isl's work grows fast with what it is given, so it is given no more than what needs it.
        (None, Some(parts)) => Ok(block(parts.iter().map(|part| scan(part)).collect::<Result<_>>()?)),
        (None, None) => match by_isl(leaves) {
            Err(error) if !error.is_quota() => boxed::boxed(leaves)?.ok_or(error),
            found => found,
        },
    }
}

/// The leaves in the parts of a sequence that stands outside all loops, if there is one.
fn parts(leaves: &[Leaf]) -> Option<Vec<Vec<Leaf>>> {
    let mut parts: BTreeMap<i64, Vec<Leaf>> = BTreeMap::new();
    for leaf in leaves {
        let (Date::Position(at), date) = leaf.date.split_first()? else { return None };
        let inner = Leaf { date: date.to_vec(), ordered: leaf.ordered.saturating_sub(1), ..leaf.clone() };
        parts.entry(*at).or_default().push(inner);
    }
    Some(parts.into_values().collect())
}

/// The loops where every set is rows and congruences alone.
fn direct(leaves: &[Leaf]) -> Result<Option<Node>> {
    let mut pieces = Vec::new();
    for leaf in leaves {
        match self::pieces(leaf)? {
            Some(found) => pieces.extend(found),
            None => return Ok(None),
        }
    }
    let pieces: Vec<&Piece> = pieces.iter().collect();
    Ok(node(&pieces, Place::default(), &Levels::default()))
}

/// The loops by isl's generator.
fn by_isl(leaves: &[Leaf]) -> Result<Node> {
    let mut texts: Vec<Vec<String>> = leaves.iter().map(|leaf| leaf.date.iter().map(text).collect()).collect();
    compress(&mut texts);
    let length = texts.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let mut dates: Option<UnionMap> = None;
    for (leaf, mut date) in leaves.iter().zip(texts) {
        date.resize(length, "0".into());
        let dims: Vec<String> = (0..leaf.set.n_dim()?).map(dim_name).collect();
        let map = format!("{{ {}[{}] -> [{}] }}", leaf.name, dims.join(","), date.join(","));
        let map = leaf.set.context().map(&map)?.intersect_domain(&leaf.set)?.to_union_map()?;
        dates = Some(dates.map_or(Ok(map.clone()), |known| known.union(&map))?);
    }
    match dates {
        Some(dates) if !dates.is_empty()? => dates.to_loops(),
        _ => Ok(Node::Block(Vec::new())),
    }
}

fn text(date: &Date) -> String {
    match date {
        Date::Position(at) => at.to_string(),
        Date::Dim(k) => dim_name(*k),
    }
}

fn dim_name(k: usize) -> String {
    format!("i{k}")
}

/// Drops the entries that are the same number in all dates: isl's work grows fast with their number.
fn compress(dates: &mut [Vec<String>]) {
    let length = dates.iter().map(Vec::len).max().unwrap_or(0);
    for at in (0..length).rev() {
        let mut values = dates.iter().filter_map(|date| date.get(at));
        let Some(first) = values.next() else { continue };
        if first.parse::<i64>().is_ok() && values.all(|value| value == first) {
            dates.iter_mut().filter(|date| at < date.len()).for_each(|date| {
                date.remove(at);
            });
        }
    }
}

/// A part of a leaf: the points of some rows that satisfy all conditions of one alternative, where there are any.
struct Piece<'a> {
    leaf: &'a Leaf,
    /// For each dimension the loop that runs it, counted from the outermost.
    loops: Vec<usize>,
    /// Over the loops.
    rows: Levels,
    alternatives: Vec<Vec<Expr>>,
}

/// In which order the loops run the dimensions of a leaf.
struct Order {
    /// For each loop its dimension, and for each dimension its loop.
    dims: Vec<usize>,
    loops: Vec<usize>,
}

impl Order {
    /// `None` where a date does not hold each dimension once.
    fn of(leaf: &Leaf, n_dim: usize) -> Option<Order> {
        let dim = |date: &Date| if let Date::Dim(k) = date { Some(*k) } else { None };
        let dims: Vec<usize> = leaf.date.iter().filter_map(dim).collect();
        let loops = (0..n_dim).map(|k| dims.iter().position(|&other| other == k)).collect::<Option<Vec<_>>>()?;
        (dims.len() == n_dim).then_some(Order { dims, loops })
    }

    /// Rows over dimensions, and other columns, as rows over loops.
    fn over_loops(&self, rows: Vec<Row>) -> Vec<Row> {
        let moved = |mut row: Row| {
            let others = row.coefficients.split_off(self.dims.len());
            row.coefficients = self.dims.iter().map(|&k| row.coefficients[k]).chain(others).collect();
            row
        };
        rows.into_iter().map(moved).collect()
    }
}

/// The pieces of a leaf; `None` where rows do not say what it is.
fn pieces(leaf: &Leaf) -> Result<Option<Vec<Piece<'_>>>> {
    let dims = leaf.set.n_dim()?;
    let Some(order) = Order::of(leaf, dims) else { return Ok(None) };
    let over_loops = |rows| order.over_loops(rows);
    let piece = |rows, alternatives| Piece { leaf, loops: order.loops.clone(), rows, alternatives };
    let parts = leaf.set.pieces()?;
    // Pieces run one after another, so more than one keep no order.
    if parts.len() <= 1 || leaf.ordered < leaf.date.len() {
        let parts = if parts.len() > 1 { leaf.set.make_disjoint()?.coalesce()?.pieces()? } else { parts };
        let each = parts.into_iter().map(|rows| Levels::project(over_loops(rows), dims));
        let known = each.filter(|p| *p != Projected::Empty).map(|p| match p {
            Projected::Levels(rows) => Some(piece(rows, Vec::new())),
            _ => None,
        });
        return Ok(known.collect());
    }
    let Projected::Levels(hull) = Levels::around(over_loops(leaf.set.hull()?), dims) else { return Ok(None) };
    let mut alternatives = Vec::new();
    for rows in leaf.set.pieces()? {
        let Some(own) = settled(over_loops(rows), dims) else { return Ok(None) };
        let rows = own.rows.iter().filter(|row| !follows(row, &[&hull])).map(condition);
        let strides = own.strides.iter().filter(|stride| !divides(stride, &[&hull])).map(divided);
        alternatives.push(rows.chain(strides).collect::<Vec<_>>());
    }
    if alternatives.iter().any(Vec::is_empty) {
        alternatives.clear();
    }
    Ok(Some(vec![piece(hull, alternatives)]))
}

/// Where in the dates a node stands.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Entries of the date before it.
    at: usize,
    /// Loops among them.
    depth: usize,
}

/// The loops of pieces that agree before a place, where `known` holds; `None` where their dates have no common shape.
fn node(pieces: &[&Piece], place: Place, known: &Levels) -> Option<Node> {
    let mut inside = known.clone();
    let (mut guards, strides) = shared(pieces, place.depth, &mut inside);
    let inner = match pieces {
        [] => Node::Block(Vec::new()),
        [piece] if place.at == piece.leaf.date.len() => user(piece),
        _ if in_any_order(pieces, place) => {
            block(pieces.iter().map(|piece| node(&[piece], place, &inside)).collect::<Option<_>>()?)
        }
        [first, ..] => match first.leaf.date.get(place.at)? {
            Date::Position(_) => sequence(pieces, place, &inside)?,
            Date::Dim(_) => match apart(pieces, place, &inside) {
                Some((before, after)) => block(vec![node(&before, place, &inside)?, node(&after, place, &inside)?]),
                None => {
                    let (node, bounds) = one_loop(pieces, place, &inside)?;
                    // A loop that is empty where a guard fails needs no such guard.
                    let mut entered = known.clone();
                    bounds.iter().for_each(|row| entered.learn(row));
                    guards.retain(|row| !follows(row, &[&entered]));
                    node
                }
            },
        },
    };
    Some(guarded(guards.iter().map(condition).chain(strides.iter().map(divided)).collect(), inner))
}

/// Pieces that only the first iteration of a loop runs, and first there, apart from the others; or the same of the last.
fn apart<'a>(
    pieces: &[&'a Piece<'a>],
    place: Place,
    known: &Levels,
) -> Option<(Vec<&'a Piece<'a>>, Vec<&'a Piece<'a>>)> {
    let position = |piece: &Piece| match piece.leaf.date.get(place.at + 1) {
        Some(Date::Position(at)) => Some(*at),
        _ => None,
    };
    let positions = pieces.iter().map(|piece| position(piece)).collect::<Option<Vec<i64>>>()?;
    let (first, last) = (*positions.iter().min()?, *positions.iter().max()?);
    if first == last {
        return None;
    }
    let split = |end: i64| pieces.iter().partition(|piece| position(piece) == Some(end));
    let (early, rest): (Vec<&Piece>, Vec<&Piece>) = split(first);
    if beyond(&early, &rest, place.depth, 1, known) {
        return Some((early, rest));
    }
    let (late, rest): (Vec<&Piece>, Vec<&Piece>) = split(last);
    beyond(&late, &rest, place.depth, -1, known).then_some((rest, late))
}

/// Whether loop `d` has one value for some pieces, and none below it (`sign` 1) or above it (-1) for the others.
fn beyond(fixed: &[&Piece], others: &[&Piece], d: usize, sign: i64, known: &Levels) -> bool {
    let Some(row) = common_value(fixed, d, known) else { return false };
    let bound = directed(row, d, sign);
    others.iter().all(|piece| follows(&bound, &[&piece.rows, known]))
}

/// The equality that fixes loop `d` for all pieces, where it is known to give an integer.
fn common_value<'a>(pieces: &[&'a Piece], d: usize, known: &Levels) -> Option<&'a Row> {
    let row = pieces.first()?.rows.of(d).iter().find(|row| row.is_equality)?;
    let is_whole = match Residue::of_fixed(row, d)? {
        Residue::Any => true,
        Residue::None => false,
        Residue::Some(stride) => divides(&stride, &[known]),
    };
    (is_whole && pieces.iter().all(|piece| follows(row, &[&piece.rows, known]))).then_some(row)
}

/// The coarsest congruence that gives loop `d` in terms of outer ones and that all pieces need.
fn common_stride<'a>(pieces: &[&'a Piece], d: usize, known: &Levels) -> Option<&'a Congruence> {
    let strides = pieces.first()?.rows.strides(d + 1).filter(|stride| stride.coefficients[d] == 1);
    strides
        .filter(|stride| pieces.iter().all(|piece| divides(stride, &[&piece.rows, known])))
        .max_by_key(|stride| stride.modulus)
}

/// Whether the pieces are of one leaf, at a place where they may run one after another.
fn in_any_order(pieces: &[&Piece], place: Place) -> bool {
    pieces.len() > 1 && pieces.iter().all(|p| std::ptr::eq(p.leaf, pieces[0].leaf) && p.leaf.ordered <= place.at)
}

/// Adds to `known`, and returns, what all pieces need of the outer `depth` loops.
fn shared(pieces: &[&Piece], depth: usize, known: &mut Levels) -> (Vec<Row>, Vec<Congruence>) {
    let (mut rows, mut strides) = (Vec::new(), Vec::new());
    for stride in pieces.iter().flat_map(|piece| piece.rows.strides(depth)) {
        if !divides(stride, &[known]) && pieces.iter().all(|other| divides(stride, &[&other.rows, known])) {
            known.learn_stride(stride);
            strides.push(stride.clone());
        }
    }
    for row in pieces.iter().flat_map(|piece| piece.rows.outside(depth)) {
        if !follows(row, &[known]) && pieces.iter().all(|other| follows(row, &[&other.rows, known])) {
            known.learn(row);
            rows.push(row.clone());
        }
    }
    (rows, strides)
}

/// Pieces by their position.
fn sequence(pieces: &[&Piece], place: Place, known: &Levels) -> Option<Node> {
    let mut parts: Vec<(i64, Vec<&Piece>)> = Vec::new();
    for piece in pieces {
        let Date::Position(position) = *piece.leaf.date.get(place.at)? else { return None };
        match parts.iter_mut().find(|(at, _)| *at == position) {
            Some((_, part)) => part.push(piece),
            None => parts.push((position, vec![piece])),
        }
    }
    parts.sort_by_key(|(position, _)| *position);
    let below = Place { at: place.at + 1, ..place };
    Some(block(parts.iter().map(|(_, part)| node(part, below, known)).collect::<Option<_>>()?))
}

/// One loop over all pieces, and the rows that bound it.
fn one_loop(pieces: &[&Piece], place: Place, known: &Levels) -> Option<(Node, Vec<Row>)> {
    let d = place.depth;
    if !pieces.iter().all(|piece| matches!(piece.leaf.date.get(place.at), Some(Date::Dim(_)))) {
        return None;
    }
    let below = Place { at: place.at + 1, depth: d + 1 };
    let mut known = known.clone();
    if let Some(row) = common_value(pieces, d, &known) {
        known.learn(row);
        let body = Box::new(node(pieces, below, &known)?);
        let (iterator, init) = (loop_name(d), bound(&directed(row, d, -1), d));
        let node = Node::For { iterator, init, condition: Expr::Int(1), step: 1, degenerate: true, body };
        return Some((node, Vec::new()));
    }
    let lower = hull(pieces, d, 1, &known)?;
    let upper = hull(pieces, d, -1, &known)?;
    let bounds: Vec<Row> = lower.enforced().chain(upper.enforced()).cloned().collect();
    let stride = common_stride(pieces, d, &known).filter(|_| lower.is_exact(d));
    bounds.iter().for_each(|row| known.learn(row));
    stride.iter().for_each(|stride| known.learn_stride(stride));
    let body = Box::new(node(pieces, below, &known)?);
    let last = upper.expr(Op::Min, Op::Max, |row| bound(row, d));
    let condition = Expr::Op(Op::Le, vec![Expr::Name(loop_name(d)), last]);
    let init = lower.expr(Op::Max, Op::Min, |row| stride.map_or_else(|| bound(row, d), |stride| start(row, stride, d)));
    let step = stride.map_or(1, |stride| stride.modulus);
    Some((Node::For { iterator: loop_name(d), init, condition, step, degenerate: false, body }, bounds))
}

/// One end of a loop: the weakest of alternatives, each the strictest of some rows.
struct Hull {
    alternatives: Vec<Vec<Row>>,
}

/// The lower (`sign` 1) or upper (-1) end of loop `d`: of what the pieces need, what no other piece's bounds cover.
fn hull(pieces: &[&Piece], d: usize, sign: i64, known: &Levels) -> Option<Hull> {
    let ends: Vec<Vec<Row>> = pieces.iter().map(|piece| end(piece, d, sign)).collect();
    if ends.iter().any(Vec::is_empty) {
        return None;
    }
    // One end covers a piece if the piece's own rows imply it.
    let covers = |n: usize, m: usize| ends[n].iter().all(|row| follows(row, &[&pieces[m].rows, known]));
    let mut kept: Vec<usize> = Vec::new();
    for m in 0..pieces.len() {
        if !kept.iter().any(|&n| covers(n, m)) {
            kept.retain(|&n| !covers(m, n));
            kept.push(m);
        }
    }
    // What covers a piece may go for one that covers that alone.
    let is_missed = |m: &usize| !kept.iter().any(|&n| n == *m || covers(n, *m));
    let missed: Vec<usize> = (0..pieces.len()).filter(is_missed).collect();
    kept.extend(missed);
    Some(Hull { alternatives: kept.into_iter().map(|n| ends[n].clone()).collect() })
}

/// The rows of a piece that bound loop `d` on one side, with equalities as bounds.
fn end(piece: &Piece, d: usize, sign: i64) -> Vec<Row> {
    let bounds = |row: &&Row| row.is_equality || row.coefficients[d].signum() == sign;
    let mut end: Vec<Row> = piece.rows.of(d).iter().filter(bounds).map(|row| directed(row, d, sign)).collect();
    end.sort_by_key(|row| row.coefficients.iter().filter(|c| **c != 0).count());
    end
}

/// An equality as a lower (`sign` 1) or upper (-1) bound of loop `d`; a bound as it is.
fn directed(row: &Row, d: usize, sign: i64) -> Row {
    let flip = if row.coefficients[d].signum() == sign { 1 } else { -1 };
    let coefficients = row.coefficients.iter().map(|c| c * flip).collect();
    Row { is_equality: false, coefficients, constant: row.constant * flip }
}

impl Hull {
    /// The rows that hold in every iteration.
    fn enforced(&self) -> impl Iterator<Item = &Row> {
        let (first, rest) = self.alternatives.split_first().map_or((&[][..], &[][..]), |(f, r)| (f.as_slice(), r));
        first.iter().filter(move |row| rest.iter().all(|other| other.contains(row)))
    }

    /// Whether no row is rounded.
    fn is_exact(&self, d: usize) -> bool {
        self.alternatives.iter().flatten().all(|row| row.coefficients[d].abs() == 1)
    }

    fn expr(&self, strictest: Op, weakest: Op, value: impl Fn(&Row) -> Expr) -> Expr {
        let alternative = |rows: &Vec<Row>| choice(strictest, rows.iter().map(&value).collect());
        choice(weakest, self.alternatives.iter().map(alternative).collect())
    }
}

fn choice(op: Op, mut args: Vec<Expr>) -> Expr {
    if args.len() == 1 { args.remove(0) } else { Expr::Op(op, args) }
}

/// The value at which a row ends loop `d`: rounded up where it is a lower bound, down where it is an upper one.
fn bound(row: &Row, d: usize) -> Expr {
    let a = row.coefficients[d];
    let rest = |sign: i64, more: i64| {
        let others = |(k, c): (usize, &i64)| if k == d { 0 } else { c * sign };
        let coefficients: Vec<i64> = row.coefficients.iter().enumerate().map(others).collect();
        sum(&coefficients, row.constant * sign + more)
    };
    match a {
        1 => rest(-1, 0),
        -1 => rest(1, 0),
        a if a > 0 => Expr::Op(Op::FloorDiv, vec![rest(-1, a - 1), Expr::Int(a)]),
        a => Expr::Op(Op::FloorDiv, vec![rest(1, 0), Expr::Int(-a)]),
    }
}

/// The first value of loop `d` from a lower bound on that keeps a congruence, whose coefficient there is one.
fn start(row: &Row, stride: &Congruence, d: usize) -> Expr {
    // The bound is the other loops' part of the row with the sign changed; up to the next multiple is what the form lacks there.
    let lacks = |(k, (c, r)): (usize, (&i64, &i64))| if k == d { 0 } else { (r - c).rem_euclid(stride.modulus) };
    let pairs = stride.coefficients.iter().zip(&row.coefficients);
    let coefficients: Vec<i64> = pairs.enumerate().map(lacks).collect();
    let constant = (row.constant - stride.constant).rem_euclid(stride.modulus);
    let more = match coefficients.iter().all(|c| *c == 0) {
        true => Expr::Int(constant),
        false => Expr::Op(Op::Mod, vec![sum(&coefficients, constant), Expr::Int(stride.modulus)]),
    };
    match (bound(row, d), more) {
        (bound, Expr::Int(0)) => bound,
        (bound, more) => Expr::Op(Op::Add, vec![bound, more]),
    }
}

/// `Σ coefficients[k]·c[k] + constant`
fn sum(coefficients: &[i64], constant: i64) -> Expr {
    let term = |(k, &c): (usize, &i64)| match c {
        0 => None,
        1 => Some(Expr::Name(loop_name(k))),
        c => Some(Expr::Op(Op::Mul, vec![Expr::Int(c), Expr::Name(loop_name(k))])),
    };
    let terms = coefficients.iter().enumerate().filter_map(term);
    let constant = (constant != 0).then_some(Expr::Int(constant));
    terms.chain(constant).reduce(|a, b| Expr::Op(Op::Add, vec![a, b])).unwrap_or(Expr::Int(0))
}

fn loop_name(d: usize) -> String {
    format!("c{d}")
}

/// A point of a piece; where a loop has one value, that value.
fn user(piece: &Piece) -> Node {
    let argument = |&d: &usize| {
        let constant = |row: &&Row| row.is_equality && row.coefficients[..d].iter().all(|c| *c == 0);
        let fixed = piece.rows.of(d).iter().find(constant);
        fixed.map_or_else(|| Expr::Name(loop_name(d)), |row| bound(row, d))
    };
    let user = Node::User { name: piece.leaf.name.clone(), arguments: piece.loops.iter().map(argument).collect() };
    if piece.alternatives.is_empty() {
        return user;
    }
    let all = |conditions: &Vec<Expr>| choice(Op::And, conditions.clone());
    let condition = choice(Op::Or, piece.alternatives.iter().map(all).collect());
    Node::If { condition, then: Box::new(user), orelse: None }
}

/// Nodes one after another, neighbours under one condition together.
fn block(parts: Vec<Node>) -> Node {
    let mut joined: Vec<Node> = Vec::new();
    for part in parts {
        match (joined.last_mut(), part) {
            (
                Some(Node::If { condition: known, then: before, orelse: None }),
                Node::If { condition, then, orelse: None },
            ) if *known == condition => {
                let inner = std::mem::replace(before.as_mut(), Node::Block(Vec::new()));
                **before = block(flat(inner).into_iter().chain(flat(*then)).collect());
            }
            (_, part) => joined.push(part),
        }
    }
    if joined.len() == 1 { joined.remove(0) } else { Node::Block(joined) }
}

fn flat(node: Node) -> Vec<Node> {
    match node {
        Node::Block(parts) => parts,
        node => vec![node],
    }
}

/// A node under conditions.
fn guarded(mut conditions: Vec<Expr>, node: Node) -> Node {
    if conditions.is_empty() {
        return node;
    }
    let then = match node {
        Node::If { condition: Expr::Op(Op::And, inner), then, orelse: None } => {
            conditions.extend(inner);
            then
        }
        Node::If { condition, then, orelse: None } => {
            conditions.push(condition);
            then
        }
        node => Box::new(node),
    };
    Node::If { condition: choice(Op::And, conditions), then, orelse: None }
}

/// A row with its innermost loop on the left.
fn condition(row: &Row) -> Expr {
    let d = row.coefficients.iter().rposition(|c| *c != 0).unwrap_or(0);
    let a = row.coefficients[d];
    let mut left = vec![0; row.coefficients.len()];
    left[d] = a.abs();
    let flip = if a > 0 { -1 } else { 1 };
    let others = |(k, c): (usize, &i64)| if k == d { 0 } else { c * flip };
    let right: Vec<i64> = row.coefficients.iter().enumerate().map(others).collect();
    let op = match (row.is_equality, a > 0) {
        (true, _) => Op::Eq,
        (false, true) => Op::Ge,
        (false, false) => Op::Le,
    };
    Expr::Op(op, vec![sum(&left, 0), sum(&right, row.constant * flip)])
}

/// A congruence as a remainder of the loops.
fn divided(stride: &Congruence) -> Expr {
    let remainder = Expr::Op(Op::Mod, vec![sum(&stride.coefficients, 0), Expr::Int(stride.modulus)]);
    Expr::Op(Op::Eq, vec![remainder, Expr::Int((-stride.constant).rem_euclid(stride.modulus))])
}

#[cfg(test)]
mod tests;
