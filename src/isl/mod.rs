//! Sets and relations of integer points: the only place that knows isl.
//!
//! Every value keeps its context alive and stays on its thread (`Rc`); every call clears isl's error state, so that a failure
//! is a value of the call that caused it. What the binding cannot do safely is not offered: no unnamed tuple is asked for its
//! name, no options object or context is handed out, strings are made by polyfuse alone and hold no NUL.
//!
//! Source: Verdoolaege, "isl: An integer set library for the polyhedral model", ICMS 2010.

mod ast;

pub use ast::{Expr, Node, Op};

use isl_rs::DimType;
use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

/// Why isl gave no answer: an operation budget that ran out, or a fault in what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IslError(pub String);

impl IslError {
    /// Whether the operation budget ran out.
    pub fn is_quota(&self) -> bool {
        self.0.contains("Quota")
    }
}

impl fmt::Display for IslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "isl: {}", self.0)
    }
}

impl std::error::Error for IslError {}

pub type Result<T> = std::result::Result<T, IslError>;

/// isl's context: one a thread; and the operations of the budget in force, 0 where there is none.
#[derive(Clone)]
pub struct Context(Rc<isl_rs::Context>, Rc<Cell<u64>>);

impl Default for Context {
    fn default() -> Context {
        Context::new()
    }
}

impl Context {
    pub fn new() -> Context {
        let raw = isl_rs::Context::alloc();
        // Errors come back as values; isl prints nothing.
        let _ = isl_rs::Options::set_on_error(&raw, 1);
        ast::set_options(&raw);
        Context(Rc::new(raw), Rc::default())
    }

    fn call<T>(&self, f: impl FnOnce(&isl_rs::Context) -> std::result::Result<T, isl_rs::LibISLError>) -> Result<T> {
        f(&self.0).map_err(|error| {
            self.0.reset_error();
            IslError(error.to_string())
        })
    }

    /// Runs `f` under a budget of isl operations: a count, so that the outcome is the same on every machine. A budget around this one
    /// begins anew after it.
    pub fn budget<T>(&self, operations: u64, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let around = self.1.replace(operations);
        self.0.reset_operations();
        self.0.set_max_operations(operations);
        // What fails for want of operations may say that it failed for something else: one more call tells.
        let result = f().map_err(|error| self.empty_union_map().err().filter(IslError::is_quota).unwrap_or(error));
        self.1.set(around);
        self.0.set_max_operations(around);
        self.0.reset_operations();
        self.0.reset_error();
        result
    }

    pub fn set(&self, text: &str) -> Result<Set> {
        self.call(|c| isl_rs::Set::read_from_str(c, text)).map(|raw| Set { raw, ctx: self.clone() })
    }

    pub fn map(&self, text: &str) -> Result<Map> {
        self.call(|c| isl_rs::Map::read_from_str(c, text)).map(|raw| Map { raw, ctx: self.clone() })
    }

    pub fn union_map(&self, text: &str) -> Result<UnionMap> {
        self.call(|c| isl_rs::UnionMap::read_from_str(c, text)).map(|raw| UnionMap { raw, ctx: self.clone() })
    }

    pub fn empty_union_map(&self) -> Result<UnionMap> {
        self.call(isl_rs::UnionMap::empty_ctx).map(|raw| UnionMap { raw, ctx: self.clone() })
    }
}

macro_rules! wrapper {
    ($(#[$doc:meta])* $name:ident { $($method:ident($($arg:ident: $kind:ident),*) -> $out:ident;)* }) => {
        $(#[$doc])*
        pub struct $name {
            // Dropped before the context that owns its memory: fields drop in this order.
            raw: isl_rs::$name,
            ctx: Context,
        }

        impl $name {
            $(
                pub fn $method(&self $(, $arg: &$kind)*) -> Result<$out> {
                    let raw = self.ctx.call(|_| self.raw.copy()?.$method($($arg.raw.copy()?),*))?;
                    Ok($out { raw, ctx: self.ctx.clone() })
                }
            )*

            /// The same points in fewer pieces; as they are where isl trips over its own simplification.
            pub fn coalesce(&self) -> Result<$name> {
                match self.ctx.call(|_| self.raw.copy()?.coalesce()) {
                    Ok(raw) => Ok($name { raw, ctx: self.ctx.clone() }),
                    Err(error) if error.is_quota() => Err(error),
                    Err(_) => Ok(self.clone()),
                }
            }

            pub fn is_empty(&self) -> Result<bool> {
                self.ctx.call(|_| self.raw.is_empty())
            }

            pub fn is_subset(&self, other: &$name) -> Result<bool> {
                self.ctx.call(|_| self.raw.is_subset(&other.raw))
            }

            pub fn is_equal(&self, other: &$name) -> Result<bool> {
                self.ctx.call(|_| self.raw.is_equal(&other.raw))
            }

            pub fn context(&self) -> &Context {
                &self.ctx
            }
        }

        impl Clone for $name {
            fn clone(&self) -> $name {
                let raw = self.raw.copy().expect("a copy only counts a reference");
                $name { raw, ctx: self.ctx.clone() }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.raw.to_str().map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

/// A constraint `Σ coefficients[k]·dim[k] + constant >= 0`, or `= 0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub is_equality: bool,
    pub coefficients: Vec<i64>,
    pub constant: i64,
}

wrapper! {
    /// A set of integer points of one named space.
    Set {
        intersect(other: Set) -> Set;
        union(other: Set) -> Set;
        subtract(other: Set) -> Set;
        gist(other: Set) -> Set;
        make_disjoint() -> Set;
        apply(map: Map) -> Set;
        lexmin() -> Set;
        lexmax() -> Set;
        unwrap() -> Map;
        flatten() -> Set;
        identity() -> Map;
        to_union_set() -> UnionSet;
    }
}

wrapper! {
    /// A relation between the points of two named spaces.
    Map {
        intersect(other: Map) -> Map;
        intersect_domain(other: Set) -> Map;
        intersect_range(other: Set) -> Map;
        union(other: Map) -> Map;
        subtract(other: Map) -> Map;
        reverse() -> Map;
        apply_range(other: Map) -> Map;
        apply_domain(other: Map) -> Map;
        domain() -> Set;
        range() -> Set;
        wrap() -> Set;
        deltas() -> Set;
        lexmin() -> Map;
        range_product(other: Map) -> Map;
        domain_product(other: Map) -> Map;
        domain_map() -> Map;
        range_map() -> Map;
        detect_equalities() -> Map;
        uncurry() -> Map;
        domain_factor_domain() -> Map;
        domain_factor_range() -> Map;
        intersect_domain_factor_domain(other: Map) -> Map;
        intersect_domain_factor_range(other: Map) -> Map;
        curry() -> Map;
        to_union_map() -> UnionMap;
    }
}

wrapper! {
    /// Sets of several spaces.
    UnionSet {
        union(other: UnionSet) -> UnionSet;
        subtract(other: UnionSet) -> UnionSet;
        unwrap() -> UnionMap;
    }
}

wrapper! {
    /// Relations of several spaces.
    UnionMap {
        union(other: UnionMap) -> UnionMap;
        intersect(other: UnionMap) -> UnionMap;
        subtract(other: UnionMap) -> UnionMap;
        intersect_domain(other: UnionSet) -> UnionMap;
        intersect_range(other: UnionSet) -> UnionMap;
        reverse() -> UnionMap;
        apply_range(other: UnionMap) -> UnionMap;
        apply_domain(other: UnionMap) -> UnionMap;
        domain() -> UnionSet;
        range() -> UnionSet;
        product(other: UnionMap) -> UnionMap;
        range_product(other: UnionMap) -> UnionMap;
        lex_lt_union_map(other: UnionMap) -> UnionMap;
    }
}

impl Set {
    /// Number of dimensions.
    pub fn n_dim(&self) -> Result<usize> {
        self.ctx.call(|_| self.raw.dim(DimType::Set)).map(|n| n.max(0) as usize)
    }

    /// The loops that visit every point once, in lexicographic order.
    pub fn visit(&self) -> Result<Node> {
        let name = self.ctx.call(|_| self.raw.get_tuple_name().map(str::to_owned))?;
        let dims: Vec<String> = (0..self.n_dim()?).map(|d| format!("i{d}")).collect();
        let dates = if dims.is_empty() { "0".to_string() } else { dims.join(",") };
        let date = self.ctx.map(&format!("{{ {name}[{}] -> [{dates}] }}", dims.join(",")))?;
        date.intersect_domain(self)?.to_union_map()?.to_loops()
    }

    /// Convex pieces that together hold each of its points once.
    pub fn disjoint_pieces(&self) -> Result<Vec<Set>> {
        let disjoint = self.make_disjoint()?;
        let list = self.ctx.call(|_| disjoint.raw.get_basic_set_list())?;
        let n = self.ctx.call(|_| list.size())?;
        (0..n)
            .map(|at| {
                let raw = self.ctx.call(|_| isl_rs::Set::from_basic_set(list.get_at(at)?))?;
                Ok(Set { raw, ctx: self.ctx.clone() })
            })
            .collect()
    }

    /// The set without its dimensions `first..first + n`.
    pub fn project_out(&self, first: usize, n: usize) -> Result<Set> {
        let raw = self.ctx.call(|_| self.raw.copy()?.project_out(DimType::Set, first as u32, n as u32))?;
        Ok(Set { raw, ctx: self.ctx.clone() })
    }

    pub fn named(&self, name: &str) -> Result<Set> {
        let raw = self.ctx.call(|_| self.raw.copy()?.set_tuple_name(name))?;
        Ok(Set { raw, ctx: self.ctx.clone() })
    }

    /// The smallest value of a dimension; `None` when the set is empty or unbounded there.
    pub fn dim_min(&self, dim: usize) -> Result<Option<i64>> {
        self.ctx.call(|_| {
            let value = self.raw.copy()?.dim_min_val(dim as i32)?;
            if value.is_int()? { value.get_num_si().map(Some) } else { Ok(None) }
        })
    }

    /// The largest value of a dimension; `None` when the set is empty or unbounded there.
    pub fn dim_max(&self, dim: usize) -> Result<Option<i64>> {
        self.ctx.call(|_| {
            let value = self.raw.copy()?.dim_max_val(dim as i32)?;
            if value.is_int()? { value.get_num_si().map(Some) } else { Ok(None) }
        })
    }

    /// The smallest value of `Σ coefficients[k]·dim[k] + constant`; `None` when the set is empty or there is no smallest.
    pub fn minimum(&self, coefficients: &[i64], constant: i64) -> Result<Option<i64>> {
        self.ctx.call(|c| {
            let mut form = isl_rs::Aff::zero_on_domain_space(self.raw.get_space()?)?;
            for (k, &coefficient) in coefficients.iter().enumerate().filter(|(_, coefficient)| **coefficient != 0) {
                form = form.set_coefficient_val(DimType::In, k as i32, isl_rs::Val::int_from_si(c, coefficient)?)?;
            }
            let value = self.raw.min_val(&form.set_constant_val(isl_rs::Val::int_from_si(c, constant)?)?)?;
            if value.is_int()? { value.get_num_si().map(Some) } else { Ok(None) }
        })
    }

    /// The points at which a row over the dimensions holds.
    pub fn restricted(&self, row: &Row) -> Result<Set> {
        let raw = self.ctx.call(|c| {
            let space = isl_rs::LocalSpace::from_space(self.raw.get_space()?)?;
            let mut constraint = match row.is_equality {
                true => isl_rs::Constraint::alloc_equality(space)?,
                false => isl_rs::Constraint::alloc_inequality(space)?,
            };
            for (k, &coefficient) in row.coefficients.iter().enumerate().filter(|(_, coefficient)| **coefficient != 0) {
                let value = isl_rs::Val::int_from_si(c, coefficient)?;
                constraint = constraint.set_coefficient_val(DimType::Set, k as i32, value)?;
            }
            let constraint = constraint.set_constant_val(isl_rs::Val::int_from_si(c, row.constant)?)?;
            self.raw.copy()?.add_constraint(constraint)
        })?;
        Ok(Set { raw, ctx: self.ctx.clone() })
    }

    /// The coordinates of the lexicographically smallest point; `None` when the set is empty.
    pub fn first_point(&self) -> Result<Option<Vec<i64>>> {
        if self.is_empty()? {
            return Ok(None);
        }
        let point = self.lexmin()?;
        (0..self.n_dim()?).map(|d| point.dim_min(d)).collect::<Result<Option<Vec<i64>>>>()
    }

    /// The rows of each of its convex pieces, over its dimensions and then over integers of which some must exist: quotients,
    /// mostly, as a stride needs.
    pub fn pieces(&self) -> Result<Vec<Vec<Row>>> {
        self.ctx.call(|_| {
            let list = self.raw.copy()?.compute_divs()?.get_basic_set_list()?;
            (0..list.size()?).map(|at| rows(&list.get_at(at)?)).collect()
        })
    }

    /// Rows that hold at every point: each parallel to one that bounds a piece.
    pub fn hull(&self) -> Result<Vec<Row>> {
        self.ctx.call(|_| rows(&self.raw.copy()?.compute_divs()?.simple_hull()?))
    }

    /// The rows of the cone of affine forms that are non-negative on a wrapped relation (Farkas' lemma):
    /// each row is `(is equality, coefficients)`, over the constant and then the dimensions.
    pub fn farkas_rows(&self) -> Result<Vec<(bool, Vec<i64>)>> {
        self.ctx.call(|_| {
            let cone = self.raw.copy()?.coefficients()?;
            let columns = cone.dim(DimType::Set)?;
            let list = cone.get_constraint_list()?;
            (0..list.size()?)
                .map(|at| {
                    let row = list.get_at(at)?;
                    let coefficients = (0..columns)
                        .map(|c| row.get_coefficient_val(DimType::Set, c)?.get_num_si())
                        .collect::<std::result::Result<Vec<_>, _>>()?;
                    Ok((row.is_equality()?, coefficients))
                })
                .collect()
        })
    }
}

type Raw<T> = std::result::Result<T, isl_rs::LibISLError>;

/// The constraints of a convex set, those that say what its quotients are included.
fn rows(piece: &isl_rs::BasicSet) -> Raw<Vec<Row>> {
    let (n_dim, n_quotient) = (piece.dim(DimType::Set)?, piece.dim(DimType::Div)?);
    let columns: Vec<(DimType, i32)> =
        (0..n_dim).map(|k| (DimType::Set, k)).chain((0..n_quotient).map(|k| (DimType::Div, k))).collect();
    let constraints = piece.get_constraint_list()?;
    let row = |at| {
        let row = constraints.get_at(at)?;
        let coefficient = |&(kind, k): &(DimType, i32)| row.get_coefficient_val(kind, k)?.get_num_si();
        let coefficients = columns.iter().map(coefficient).collect::<Raw<Vec<i64>>>()?;
        Ok(Row { is_equality: row.is_equality()?, coefficients, constant: row.get_constant_val()?.get_num_si()? })
    };
    let mut rows = (0..constraints.size()?).map(row).collect::<Raw<Vec<Row>>>()?;
    for q in 0..n_quotient {
        rows.extend(quotient(&piece.get_div(q)?, &columns, (n_dim + q) as usize)?);
    }
    Ok(rows)
}

/// `0 <= e - divisor·q < divisor`, where column `q` is the floor of `e / divisor`.
fn quotient(value: &isl_rs::Aff, columns: &[(DimType, i32)], q: usize) -> Raw<[Row; 2]> {
    let divisor = value.get_denominator_val()?;
    let numerator = value.copy()?.scale_val(divisor.copy()?)?;
    let coefficient = |&(kind, k): &(DimType, i32)| {
        let kind = if matches!(kind, DimType::Set) { DimType::In } else { kind };
        numerator.get_coefficient_val(kind, k)?.get_num_si()
    };
    let mut coefficients = columns.iter().map(coefficient).collect::<Raw<Vec<i64>>>()?;
    let (divisor, constant) = (divisor.get_num_si()?, numerator.get_constant_val()?.get_num_si()?);
    coefficients[q] = coefficients[q].saturating_sub(divisor);
    let low = Row { is_equality: false, coefficients: coefficients.clone(), constant };
    coefficients.iter_mut().for_each(|c| *c = c.saturating_neg());
    Ok([low, Row { is_equality: false, coefficients, constant: (divisor - 1).saturating_sub(constant) }])
}

impl Map {
    /// Whether some of its pairs are told by a quotient or a remainder.
    pub fn has_quotients(&self) -> Result<bool> {
        let list = self.ctx.call(|_| self.raw.get_basic_map_list())?;
        for at in 0..self.ctx.call(|_| list.size())? {
            if self.ctx.call(|_| list.get_at(at)?.dim(DimType::Div))? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub fn n_in(&self) -> Result<usize> {
        self.ctx.call(|_| self.raw.dim(DimType::In)).map(|n| n.max(0) as usize)
    }

    pub fn n_out(&self) -> Result<usize> {
        self.ctx.call(|_| self.raw.dim(DimType::Out)).map(|n| n.max(0) as usize)
    }

    /// The relation without the dimensions `first..first + n` of its range.
    pub fn project_out_range(&self, first: usize, n: usize) -> Result<Map> {
        let raw = self.ctx.call(|_| self.raw.copy()?.project_out(DimType::Out, first as u32, n as u32))?;
        Ok(Map { raw, ctx: self.ctx.clone() })
    }

    /// The relation without the dimensions `first..first + n` of its domain.
    pub fn project_out_domain(&self, first: usize, n: usize) -> Result<Map> {
        let raw = self.ctx.call(|_| self.raw.copy()?.project_out(DimType::In, first as u32, n as u32))?;
        Ok(Map { raw, ctx: self.ctx.clone() })
    }

    pub fn named_domain(&self, name: &str) -> Result<Map> {
        let raw = self.ctx.call(|_| self.raw.copy()?.set_tuple_name(DimType::In, name))?;
        Ok(Map { raw, ctx: self.ctx.clone() })
    }

    pub fn named_range(&self, name: &str) -> Result<Map> {
        let raw = self.ctx.call(|_| self.raw.copy()?.set_tuple_name(DimType::Out, name))?;
        Ok(Map { raw, ctx: self.ctx.clone() })
    }

    /// The same relation under names to be read by people: the tuple's and the dimensions' of each side.
    pub fn with_names(&self, domain: (&str, &[String]), range: (&str, &[String])) -> Result<Map> {
        let raw = self.ctx.call(|_| {
            let mut raw = self.raw.copy()?;
            for (side, (tuple, dims)) in [(DimType::In, domain), (DimType::Out, range)] {
                raw = raw.set_tuple_name(side, tuple)?;
                for (k, name) in dims.iter().enumerate() {
                    raw = raw.set_dim_name(side, k as u32, name)?;
                }
            }
            Ok(raw)
        })?;
        Ok(Map { raw, ctx: self.ctx.clone() })
    }

    /// Its convex pieces.
    pub fn pieces(&self) -> Result<Vec<Map>> {
        let list = self.ctx.call(|_| self.raw.get_basic_map_list())?;
        let n = self.ctx.call(|_| list.size())?;
        (0..n)
            .map(|at| {
                let raw = self.ctx.call(|_| isl_rs::Map::from_basic_map(list.get_at(at)?))?;
                Ok(Map { raw, ctx: self.ctx.clone() })
            })
            .collect()
    }

    /// The name of the domain's tuple, where it has one.
    pub fn domain_name(&self) -> Option<String> {
        self.tuple_name(DimType::In)
    }

    /// The name of the range's tuple, where it has one.
    pub fn range_name(&self) -> Option<String> {
        self.tuple_name(DimType::Out)
    }

    fn tuple_name(&self, side: DimType) -> Option<String> {
        // Asked only of named tuples: isl answers NULL for others, which the binding dereferences.
        let has = self.ctx.call(|_| self.raw.has_tuple_name(side)).ok()?;
        has.then(|| self.ctx.call(|_| self.raw.get_tuple_name(side).map(str::to_owned)).ok())?
    }
}

impl UnionMap {
    /// The relations, one for each pair of spaces, in isl's order: sort them by name where the order shows.
    pub fn maps(&self) -> Result<Vec<Map>> {
        let list = self.ctx.call(|_| self.raw.get_map_list())?;
        let n = self.ctx.call(|_| list.size())?;
        (0..n).map(|at| Ok(Map { raw: self.ctx.call(|_| list.get_at(at))?, ctx: self.ctx.clone() })).collect()
    }

    /// Whether some of its pairs are told by a quotient or a remainder.
    pub fn has_quotients(&self) -> Result<bool> {
        for map in self.maps()? {
            if map.has_quotients()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The loops that run the domain in the order of this schedule (`{ S[i] -> [d] }`).
    pub fn to_loops(&self) -> Result<Node> {
        ast::generate(&self.ctx, self)
    }
}

/// What `flow` found: pairs of instances with the element that they share.
pub struct Flow {
    /// `{ Source[s] -> [Sink[t] -> A[a]] }`
    pub pairs: UnionMap,
    /// Accesses of the sink that no source precedes. `{ Sink[t] -> A[a] }`
    pub no_source: UnionMap,
}

/// For each access of `sink` (`{ Sink[t] -> A[a] }`): the last definite access of `must` to the same element before it, and
/// all accesses of `may` between the two, in the order of `dates` (`{ S[i] -> [d] }`).
///
/// A parameter of the dates is none of the pairs.
///
/// Source: Feautrier, "Dataflow analysis of array and scalar references", IJPP 20(1), 1991.
pub fn flow(sink: &UnionMap, must: &UnionMap, may: &UnionMap, dates: &UnionMap) -> Result<Flow> {
    let ctx = &sink.ctx;
    ctx.call(|_| {
        let wrap = |raw: isl_rs::UnionMap| Ok(UnionMap { raw: raw.project_out_all_params()?, ctx: ctx.clone() });
        let flow = isl_rs::UnionAccessInfo::from_sink(sink.raw.copy()?)?
            .set_must_source(must.raw.copy()?)?
            .set_may_source(may.raw.copy()?)?
            .set_schedule_map(dates.raw.copy()?)?
            .compute_flow()?;
        Ok(Flow { pairs: wrap(flow.get_full_may_dependence()?)?, no_source: wrap(flow.get_must_no_source()?)? })
    })
}

#[cfg(test)]
mod tests;
