//! Are instances that were left out of a program dead? Asked of the dependences of both programs, each found from its own text.
//!
//! Where each instance that is left gets every value from the instance that made it in the source, or from before the program as there, and
//! what stays at the end is made by the same instances, nothing comes from the others. How they were found does not matter.

use crate::isl::{Map, Result, Set, UnionMap};
use crate::poly::{Dependences, Scop};

/// A program and what is known of its instances.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub scop: &'a Scop,
    pub dependences: &'a Dependences,
}

/// What is not as in the source in a program that is said to be the source without dead instances; `None` where they are dead.
///
/// # Errors
/// When isl's budget runs out.
pub fn difference(source: Known, live: Known) -> Result<Option<String>> {
    let names = match names(source.scop, live.scop)? {
        Ok(names) => names,
        Err(what) => return Ok(Some(what)),
    };
    let runs = names.range()?;
    let between = |pairs: &UnionMap| pairs.apply_domain(&names)?.apply_range(&names);
    // An instance writes one element, so that a pair tells which value passes. Pieces of a reduction are statements of their own.
    let wanted = instances(&source.dependences.reduction)?.intersect_domain(&runs)?;
    let wanted = wanted.union(&instances(&source.dependences.flow)?)?.intersect_range(&runs)?;
    let found = instances(&live.dependences.reduction)?.union(&instances(&live.dependences.flow)?)?;
    if !wanted.is_equal(&between(&found)?)? {
        return Ok(Some("some read gets another value".into()));
    }
    if !source.dependences.live_in.intersect_domain(&runs)?.is_equal(&live.dependences.live_in.apply_domain(&names)?)? {
        return Ok(Some("some read of a value from before the program is another one".into()));
    }
    let stays = source.dependences.live_out.is_equal(&live.dependences.live_out.apply_domain(&names)?)?;
    Ok((!stays).then(|| "some value that stays is left out".into()))
}

/// From each instance of a program to that of the source which it is, by labels; or why it is none. `{ T[i] -> S[i] }`
fn names(source: &Scop, live: &Scop) -> Result<std::result::Result<UnionMap, String>> {
    let mut names = live.ctx.empty_union_map()?;
    let mut run: Vec<Option<Set>> = vec![None; source.statements.len()];
    for (t, statement) in live.statements.iter().enumerate() {
        let same = |s: &usize| source.statements[*s].label == statement.label;
        let Some(s) = (0..source.statements.len()).find(same) else {
            return Ok(Err(format!("`{}` is not in the source", statement.label)));
        };
        if source.statements[s].dims.len() != statement.dims.len() || source.statements[s].assign != statement.assign {
            return Ok(Err(format!("`{}` is another statement in the source", statement.label)));
        }
        let own = statement.domain.named(&format!("S{s}"))?;
        let is_new = match &run[s] {
            Some(known) => known.intersect(&own)?.is_empty()?,
            None => true,
        };
        if !is_new || !own.is_subset(&source.statements[s].domain)? {
            return Ok(Err(format!("instances of `{}` run that the source does not run, or twice", statement.label)));
        }
        let known = run[s].take();
        run[s] = Some(known.map_or(Ok(own.clone()), |known| known.union(&own))?);
        let dims: Vec<String> = (0..statement.dims.len()).map(|k| format!("i{k}")).collect();
        let name = live.ctx.map(&format!("{{ S{t}[{0}] -> S{s}[{0}] }}", dims.join(",")))?;
        names = names.union(&name.intersect_domain(&statement.domain)?.to_union_map()?)?;
    }
    Ok(Ok(names))
}

/// `{ S[s] -> [T[t] -> A[a]] }` without the element.
fn instances(values: &UnionMap) -> Result<UnionMap> {
    let mut result = values.context().empty_union_map()?;
    for map in values.maps()? {
        let pairs: Map = map.uncurry()?.domain()?.unwrap()?;
        result = result.union(&pairs.to_union_map()?)?;
    }
    Ok(result)
}
