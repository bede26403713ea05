//! How are nests scheduled that a loop goes around, or may go around? Each iteration like a program of its own.
//!
//! A band serves all statements of a group, but what a loop over batches, rows or time steps goes around are nests of many forms. One
//! iteration is decided as a program: its nests part into groups, each with loops and buffers of its own; what other iterations make or need
//! comes in and goes out. The loop then goes around all of it. Nests whose outermost loops are different ones may have one in common where no
//! dependence leads to an earlier iteration. A decision for one iteration is legal in all, and as good, where all are alike: one in the
//! middle runs whatever any of them runs, and the loop moves each array that is written in one way.

use super::bands::{Bands, trip_count};
use super::decide::Decision;
use super::nest::Staged;
use super::tree::{BufferSpec, Group, Path, Scope, TileLoop, User};
use crate::isl::{Map, Result, Row, Set};
use crate::lang::ast::{Array, Role};
use crate::poly::{Access, Dependences, Dim, Linear, Scop, Statement};
use itertools::Itertools;

/// One iteration of a nest's outermost loop, as a program.
pub struct Step {
    pub scop: Scop,
    pub dependences: Dependences,
    /// The numbers of its statements outside.
    statements: Vec<usize>,
    /// The smallest value of the loop, and how many there are.
    first: i64,
    pub trips: i64,
}

impl Step {
    /// `None` where the loop does not go around several others, cannot be shared, or its iterations are not alike.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn new(bands: &Bands, statements: &[usize]) -> Result<Option<Step>> {
        let scop = bands.scop;
        let statements: Vec<usize> = statements.iter().copied().filter(|&s| bands.runs(s)).collect();
        let all = || statements.iter().map(|&s| &scop.statements[s]);
        if all().any(|s| s.dims.is_empty())
            || !goes_around_several(&all().collect_vec())
            || !is_alike(scop, &statements)
        {
            return Ok(None);
        }
        let range = statements.iter().map(|&s| bands.hull(s)[0]);
        let Some((first, last)) = range.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else { return Ok(None) };
        let (trips, middle) = (trip_count(&(first, last)), first.midpoint(last));
        let places: Vec<(usize, usize)> = all().map(|s| (s.nest, s.positions[1])).dedup().collect();
        let mut inside = Vec::new();
        for (n, statement) in all().enumerate() {
            let nest = places.iter().position(|place| *place == (statement.nest, statement.positions[1])).unwrap_or(0);
            match iteration(statement, n, nest, middle)? {
                Some(statement) if trips > 1 => inside.push(statement),
                _ => return Ok(None),
            }
        }
        let Some(order) = order_inside(bands, &statements)? else { return Ok(None) };
        let mut arrays = scop.arrays.clone();
        let mut flow = Vec::new();
        for (a, array) in arrays.iter_mut().enumerate() {
            crop(&mut inside, a, array)?;
            flow.extend(flow_inside(bands, &statements, &inside, a, array)?);
        }
        let dependences = Dependences::of_pairs(&scop.ctx, &order, &flow)?;
        let scop = Scop { ctx: scop.ctx.clone(), arrays, statements: inside };
        Ok(Some(Step { scop, dependences, statements, first, trips }))
    }

    /// The loop around what was decided for an iteration, all of which move so many bytes; `None` where nothing was.
    pub fn around(&self, outside: &Scop, decision: &Decision, moved_bytes: i64, capacity_bytes: i64) -> Option<Staged> {
        let (mut group, mut buffers, mut place) = (Group::default(), Vec::new(), 0);
        for inner in &decision.schedule.groups {
            let next = inner.paths.iter().map(|path| place + path.positions[0] + 1).max().unwrap_or(place);
            group.paths.extend(inner.paths.iter().map(|path| self.path(outside, path, place)));
            place = next;
        }
        for inner in &decision.schedule.buffers {
            let depth = match inner.scope {
                Scope::Program => 1,
                Scope::Loops { depth } => depth + 1,
            };
            let user = |user: &User| User { statement: self.statements[user.statement], ..user.clone() };
            let users = inner.users.iter().map(user).collect();
            buffers.push(BufferSpec { array: inner.array, users, scope: Scope::Loops { depth } });
        }
        (place > 0).then_some(Staged { group, buffers, peak_bytes: capacity_bytes, moved_bytes })
    }

    fn path(&self, outside: &Scop, inner: &Path, place: usize) -> Path {
        let statement = self.statements[inner.statement];
        let mut value = Linear::constant(outside.statements[statement].dims.len(), -self.first);
        value.coefficients[0] = 1;
        let mut loops = vec![TileLoop { value, tile: 1 }];
        loops.extend(inner.loops.iter().map(|inner| {
            let mut value = inner.value.clone();
            value.coefficients.insert(0, 0);
            TileLoop { value, tile: inner.tile }
        }));
        let mut positions = vec![0];
        positions.extend(&inner.positions);
        positions[1] += place;
        Path { statement, positions, loops }
    }
}

/// Whether there are several nests, or several loops, one after the other, at some depth inside the outermost one and around all of it.
fn goes_around_several(statements: &[&Statement]) -> bool {
    if !statements.iter().map(|s| s.nest).all_equal() {
        return true;
    }
    let deepest = statements.iter().map(|s| s.dims.len()).max().unwrap_or(0);
    for depth in 1..deepest {
        let places = statements.iter().map(|s| s.positions[depth]);
        if !places.clone().all_equal() {
            let loops = statements.iter().filter(|s| s.dims.len() > depth);
            return loops.map(|s| s.positions[depth]).unique().count() > 1;
        }
        if statements.iter().any(|s| s.dims.len() <= depth) {
            return false;
        }
    }
    false
}

/// Whether the outermost loop moves each array that is written in one way.
fn is_alike(scop: &Scop, statements: &[usize]) -> bool {
    let accesses = || statements.iter().flat_map(|&s| &scop.statements[s].accesses);
    let written: Vec<usize> = accesses().filter(|access| access.writes).map(|access| access.array).unique().collect();
    written.into_iter().all(|array| {
        let moves = |form: &Option<Linear>| form.as_ref().map(|form| form.coefficients[0]);
        let of = |access: &Access| access.linear.iter().map(moves).collect::<Option<Vec<i64>>>();
        accesses().filter(|access| access.array == array).map(of).all_equal_value().is_ok_and(|way| way.is_some())
    })
}

/// A statement in the iteration at a value of its outermost loop; `None` where that lacks what it runs in another one.
fn iteration(statement: &Statement, n: usize, nest: usize, at: i64) -> Result<Option<Statement>> {
    let name = format!("S{n}");
    let mut row = Row { is_equality: true, coefficients: vec![0; statement.dims.len()], constant: -at };
    row.coefficients[0] = 1;
    let there = statement.domain.restricted(&row)?;
    let inside = |set: &Set| set.project_out(0, 1)?.named(&name);
    let domain = inside(&there)?;
    if !inside(&statement.domain)?.is_subset(&domain)? {
        return Ok(None);
    }
    let access = |access: &Access| {
        let relation = access.relation.intersect_domain(&there)?.project_out_domain(0, 1)?.named_domain(&name)?;
        let form = |form: &Option<Linear>| {
            let Linear { coefficients, constant } = form.as_ref()?;
            let constant = constant.checked_add(coefficients[0].checked_mul(at)?)?;
            Some(Linear { coefficients: coefficients[1..].to_vec(), constant })
        };
        let linear = access.linear.iter().map(form).collect();
        let Access { array, reads, writes, .. } = *access;
        Ok(Access { array, reads, writes, relation, linear, source: access.source.clone() })
    };
    let dim = |dim: &Dim| Dim {
        iterator: dim.iterator.clone(),
        loop_id: dim.loop_id,
        stepped: dim.stepped.clone(),
        fixed: dim.fixed,
    };
    Ok(Some(Statement {
        label: statement.label.clone(),
        nest,
        assign: statement.assign.clone(),
        dims: statement.dims[1..].iter().map(dim).collect(),
        domain,
        positions: std::iter::once(nest).chain(statement.positions[2..].iter().copied()).collect(),
        accesses: statement.accesses.iter().map(access).collect::<Result<_>>()?,
        reads: statement.reads.clone(),
    }))
}

/// What must be kept in one iteration; `None` where a dependence between nests leads to an earlier one.
fn order_inside(bands: &Bands, statements: &[usize]) -> Result<Option<Vec<Map>>> {
    let nest = |s: usize| bands.scop.statements[s].nest;
    let mut inside = Vec::new();
    for pairs in bands.dependences.order.maps()? {
        if let Some((s, t)) = crate::poly::pair(&pairs)
            && let Some((from, to)) = number(statements, s).zip(number(statements, t))
        {
            if nest(s) != nest(t) && leads_back(&pairs)? {
                return Ok(None);
            }
            inside.extend(in_one_iteration(&pairs, from, to)?);
        }
    }
    Ok(Some(inside))
}

/// The values of an array that pass in one iteration, `{ S[s] -> [T[t] -> A[a]] }`, and in the array's role what passes between iterations.
fn flow_inside(
    bands: &Bands,
    statements: &[usize],
    inside: &[Statement],
    a: usize,
    array: &mut Array,
) -> Result<Vec<Map>> {
    let (mut values, mut comes_in, mut goes_out) = (Vec::new(), false, false);
    for (s, t) in bands.dependences.through(a) {
        let (from, to) = (number(statements, s), number(statements, t));
        let Some(flow) = bands.dependences.flow_between(s, t, a) else { continue };
        let mut crosses = true;
        if let Some((from, to)) = from.zip(to) {
            let pairs = flow.domain()?.unwrap()?;
            crosses = !pairs.is_subset(&compared(&pairs, "=")?)?;
            if let Some(pairs) = in_one_iteration(&pairs, from, to)? {
                values.push(pairs.range_product(&inside[from].accesses[0].relation)?);
            }
        }
        comes_in |= crosses && to.is_some();
        goes_out |= crosses && from.is_some();
    }
    array.role = role(array, comes_in, goes_out);
    Ok(values)
}

/// The number of a statement among some.
fn number(statements: &[usize], s: usize) -> Option<usize> {
    statements.iter().position(|&other| other == s)
}

/// Makes an array as small as what one iteration touches of it.
fn crop(statements: &mut [Statement], a: usize, array: &mut Array) -> Result<()> {
    let mut accesses: Vec<&mut Access> =
        statements.iter_mut().flat_map(|s| &mut s.accesses).filter(|access| access.array == a).collect();
    let mut starts = Vec::new();
    for (d, extent) in array.extents.iter_mut().enumerate() {
        let mut touched: Option<(i64, i64)> = None;
        for access in &accesses {
            let range = access.relation.range()?;
            if let Some((least, most)) = range.dim_min(d)?.zip(range.dim_max(d)?) {
                touched = Some(touched.map_or((least, most), |(lo, hi)| (lo.min(least), hi.max(most))));
            }
        }
        let (least, most) = touched.unwrap_or((0, *extent - 1));
        starts.push(least);
        *extent = most - least + 1;
    }
    let name = |d: usize| format!("a{d}");
    let from = (0..starts.len()).map(name).join(",");
    let to = starts.iter().enumerate().map(|(d, start)| format!("{} - {start}", name(d))).join(",");
    for access in &mut accesses {
        let moved = access.relation.context().map(&format!("{{ A{a}[{from}] -> A{a}[{to}] }}"))?;
        access.relation = access.relation.apply_range(&moved)?;
        for (form, start) in access.linear.iter_mut().zip(&starts) {
            form.iter_mut().for_each(|form| form.constant = form.constant.saturating_sub(*start));
        }
    }
    Ok(())
}

/// Whether some pairs are of an iteration of the outermost loop and an earlier one.
fn leads_back(pairs: &Map) -> Result<bool> {
    Ok(!pairs.intersect(&compared(pairs, ">")?)?.is_empty()?)
}

/// The pairs whose iterations of the outermost loop compare like `sign`. `{ S[i0, i] -> T[j0, j] }`
fn compared(pairs: &Map, sign: &str) -> Result<Map> {
    let side = |letter: &str, n: usize| (0..n).map(|k| format!("{letter}{k}")).join(",");
    let (s, t) = crate::poly::pair(pairs).unwrap_or_default();
    let (from, to) = (side("i", pairs.n_in()?), side("j", pairs.n_out()?));
    pairs.context().map(&format!("{{ S{s}[{from}] -> S{t}[{to}] : i0 {sign} j0 }}"))
}

/// The pairs of one iteration, under their names there; `None` where there are none.
fn in_one_iteration(pairs: &Map, from: usize, to: usize) -> Result<Option<Map>> {
    let within = pairs.intersect(&compared(pairs, "=")?)?;
    if within.is_empty()? {
        return Ok(None);
    }
    let within = within.project_out_domain(0, 1)?.project_out_range(0, 1)?;
    within.named_domain(&format!("S{from}"))?.named_range(&format!("S{to}")).map(Some)
}

/// What an array is to one iteration.
fn role(array: &Array, comes_in: bool, goes_out: bool) -> Role {
    let comes_in = comes_in || matches!(array.role, Role::Input | Role::Inout);
    let goes_out = goes_out || matches!(array.role, Role::Output | Role::Inout);
    match (comes_in, goes_out) {
        (true, true) => Role::Inout,
        (true, false) => Role::Input,
        (false, true) => Role::Output,
        (false, false) => Role::Temp,
    }
}
