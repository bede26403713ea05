//! Which temps can have an element for each use or for each iteration of loops around them, and how does the program then read?
//!
//! A temp that is filled and used anew, later in the program or by every iteration of a loop, makes what does so wait for each other, though
//! no value passes between them. With elements of their own they run in any order; in the scratchpad only those of a tile are alive.
//!
//! Source: Feautrier, "Array expansion", ICS 1988; webs as in Cytron and Ferrante, "What's in a name?", ICPP 1987.

use super::Dependences;
use super::scop::{Scop, Statement};
use crate::isl::{Map, Result};
use crate::lang::ast::{Access, Affine, AffineKind, Array, Assign, ExprKind, Name, Program, Role, Stmt};

/// An array that statements use among themselves, the name that it has for them, and the loops whose iterations get elements of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    array: Name,
    name: Name,
    /// As in `Scop::statements`, in source order.
    statements: Vec<usize>,
    loops: Vec<usize>,
}

impl Expansion {
    pub fn array(&self) -> &Name {
        &self.array
    }

    /// Its own name, where it is not that of the array.
    pub fn new_name(&self) -> Option<&Name> {
        (self.name != self.array).then_some(&self.name)
    }

    /// The statements that use it so, in source order.
    pub fn statements(&self) -> &[usize] {
        &self.statements
    }

    /// As `Dim::loop_id`, outermost first.
    pub fn loops(&self) -> &[usize] {
        &self.loops
    }

    /// The same along some of its loops.
    pub fn over(&self, wanted: impl Fn(usize) -> bool) -> Expansion {
        Expansion { loops: self.loops.iter().copied().filter(|&id| wanted(id)).collect(), ..self.clone() }
    }
}

/// The temps of a program that can be expanded, along all loops that allow and need it.
///
/// # Errors
/// When isl's budget runs out.
pub fn expansions(program: &Program, scop: &Scop, dependences: &Dependences) -> Result<Vec<Expansion>> {
    let mut all = Vec::new();
    for (number, array) in scop.arrays.iter().enumerate().filter(|(_, a)| a.role == Role::Temp) {
        let is_read_unfilled = |map: &Map| map.range_name() == Some(format!("A{number}"));
        if dependences.live_in.maps()?.iter().any(is_read_unfilled) {
            continue;
        }
        for (n, users) in webs(scop, dependences, number).into_iter().enumerate() {
            let loops = loops_of(scop, dependences, number, &users)?;
            let name = if n == 0 { array.name.clone() } else { fresh(program, scop, &array.name, n + 1) };
            if n > 0 || !loops.is_empty() {
                all.push(Expansion { array: array.name.clone(), name, statements: users, loops });
            }
        }
    }
    Ok(all)
}

/// The statements that touch an array, those together between which its values pass.
fn webs(scop: &Scop, dependences: &Dependences, array: usize) -> Vec<Vec<usize>> {
    let mut webs: Vec<Vec<usize>> = Vec::new();
    for s in (0..scop.statements.len()).filter(|&s| scop.statements[s].touches(array)) {
        let passes = |a: usize, b: usize| dependences.flow_between(a, b, array).is_some();
        let (met, mut apart): (Vec<_>, Vec<_>) =
            webs.into_iter().partition(|web| web.iter().any(|&t| passes(s, t) || passes(t, s)));
        let mut web: Vec<usize> = met.concat();
        web.push(s);
        web.sort_unstable();
        apart.push(web);
        webs = apart;
    }
    webs.sort_unstable();
    webs
}

/// A name that the program does not have: that of an array, and a number.
pub(super) fn fresh(program: &Program, scop: &Scop, array: &Name, n: usize) -> Name {
    let is_taken = |name: &str| {
        let mut iterators = scop.statements.iter().flat_map(|s| &s.dims);
        program.arrays.iter().any(|a| *a.name == *name)
            || program.params.iter().any(|p| *p.name == *name)
            || iterators.any(|dim| *dim.iterator == *name)
    };
    (n..).map(|n| format!("{array}{n}")).find(|name| !is_taken(name)).expect("there are more numbers than names").into()
}

/// The loops around all users whose iterations pass no value of the array to each other.
fn loops_of(scop: &Scop, dependences: &Dependences, array: usize, users: &[usize]) -> Result<Vec<usize>> {
    let Some(&first) = users.first() else { return Ok(Vec::new()) };
    let mut loops = Vec::new();
    for (k, dim) in scop.statements[first].dims.iter().enumerate() {
        let shared = |&s: &usize| scop.statements[s].dims.get(k).is_some_and(|d| d.loop_id == dim.loop_id);
        if !users.iter().all(shared) {
            break;
        }
        let of = |&s: &usize| &scop.statements[s];
        if dim.stepped.is_none() && !users.iter().map(of).all(|s| walks(s, array, k)) {
            loops.push((k, dim.loop_id));
        }
    }
    for &s in users {
        let reduction = dependences.reduction_of(s, array);
        let flow = users.iter().map(|&t| (t, dependences.flow_between(s, t, array)));
        for (t, pairs) in flow.chain([(s, reduction)]) {
            let Some(pairs) = pairs else { continue };
            let mut kept = Vec::new();
            for &(k, id) in &loops {
                if pairs.is_subset(&within(scop, (s, t), array, k)?)? {
                    kept.push((k, id));
                }
            }
            loops = kept;
        }
    }
    Ok(loops.into_iter().map(|(_, id)| id).collect())
}

/// Pairs of instances in one iteration of a loop that both are in. `{ [S[s] -> T[t]] -> A[a] }`
fn within(scop: &Scop, (s, t): (usize, usize), array: usize, k: usize) -> Result<Map> {
    let tuple = |letter: char, n: usize| (0..n).map(|i| format!("{letter}{i}")).collect::<Vec<_>>().join(",");
    let dims = |s: usize| scop.statements[s].dims.len();
    let (source, sink) = (tuple('s', dims(s)), tuple('t', dims(t)));
    let element = tuple('a', scop.arrays[array].extents.len());
    scop.ctx.map(&format!("{{ [S{s}[{source}] -> S{t}[{sink}]] -> A{array}[{element}] : s{k} = t{k} }}"))
}

/// Whether an index of each access to the array tells the iterations of the loop apart already.
fn walks(statement: &Statement, array: usize, k: usize) -> bool {
    let mut accesses = statement.accesses.iter().filter(|access| access.array == array);
    accesses.all(|access| {
        let moved_by = |c: &[i64]| c.iter().enumerate().all(|(n, &c)| (c != 0) == (n == k));
        access.linear.iter().flatten().any(|index| moved_by(&index.coefficients))
    })
}

/// What a statement's accesses to an array become: its name, and the indices in front of their own, outermost first.
struct Element {
    array: Name,
    statements: Vec<usize>,
    name: Name,
    indices: Vec<Affine>,
}

/// The program with the arrays expanded; `None` where a size does not fit 63 bits, or a loop has no instances.
///
/// # Errors
/// When isl's budget runs out.
pub fn expand(program: &Program, scop: &Scop, expansions: &[Expansion]) -> Result<Option<Program>> {
    let (mut elements, mut arrays) = (Vec::new(), program.arrays.clone());
    for Expansion { array, name, statements, loops } in expansions {
        let Some(at) = arrays.iter().position(|a| a.name == *array) else { return Ok(None) };
        let mut declared = Array { name: name.clone(), ..program.arrays[at].clone() };
        let mut indices = Vec::new();
        for &id in loops.iter().rev() {
            let mut dims = scop.statements.iter().flat_map(|s| &s.dims);
            let iterator = dims.find(|dim| dim.loop_id == id).map(|dim| &dim.iterator);
            let (Some((lo, hi)), Some(iterator)) = (scop.range(id)?, iterator) else { return Ok(None) };
            let extent = hi.checked_sub(lo).and_then(|e| e.checked_add(1)).unwrap_or(i64::MAX);
            declared.dims.insert(0, Affine::int(extent));
            declared.extents.insert(0, extent);
            let value = AffineKind::Sub(Box::new(Affine::name(iterator)), Box::new(Affine::int(lo))).into();
            indices.insert(0, if lo == 0 { Affine::name(iterator) } else { value });
        }
        if !is_reasonable(&declared) {
            return Ok(None);
        }
        match name == array {
            true => arrays[at] = declared,
            false => arrays.push(declared),
        }
        elements.push(Element { array: array.clone(), statements: statements.clone(), name: name.clone(), indices });
    }
    let (mut body, mut seen) = (program.body.clone(), 0);
    body.iter_mut().for_each(|stmt| in_statement(stmt, &elements, &mut seen));
    Ok(Some(Program { arrays, body, ..program.clone() }))
}

/// Whether the size of an array in bytes fits 63 bits by far.
fn is_reasonable(array: &Array) -> bool {
    let elements = array.extents.iter().try_fold(1i64, |product, &extent| product.checked_mul(extent));
    elements.is_some_and(|elements| elements < 1 << 48)
}

/// `seen` counts assignments as `Scop::statements` does.
fn in_statement(stmt: &mut Stmt, elements: &[Element], seen: &mut usize) {
    match stmt {
        Stmt::For(f) => f.body.iter_mut().for_each(|stmt| in_statement(stmt, elements, seen)),
        Stmt::If(branch) => {
            let both = branch.then.iter_mut().chain(&mut branch.orelse);
            both.for_each(|stmt| in_statement(stmt, elements, seen));
        }
        Stmt::Assign(Assign { target, value, .. }) => {
            let own: Vec<&Element> = elements.iter().filter(|element| element.statements.contains(seen)).collect();
            in_access(target, &own);
            value.each_leaf(&mut |leaf| {
                if let ExprKind::Access(access) = leaf {
                    in_access(access, &own);
                }
            });
            *seen += 1;
        }
        Stmt::Transfer(_) => {}
    }
}

fn in_access(access: &mut Access, elements: &[&Element]) {
    if let Some(element) = elements.iter().find(|element| element.array == access.array) {
        access.array = element.name.clone();
        access.indices.splice(0..0, element.indices.iter().cloned());
    }
}
