//! Which arrays are used alike, so that what passes through one tells what passes through the other?
//!
//! The blocks of a network are the same but for names. Two arrays are used alike where their users, one by one in source order, touch them by
//! the same relations and stand in the same order: dependences know no more of a program.

use super::dependences::{Reductions, Relations};
use super::scop::{Scop, number, statement_name};
use crate::isl::{Map, Result, UnionMap};
use std::collections::HashMap;

/// What passes through arrays that were looked at, by how they are used.
#[derive(Default)]
pub struct Alike(HashMap<Vec<String>, (Names, Relations)>);

/// An array and its users, in source order.
struct Names {
    array: usize,
    users: Vec<usize>,
}

impl Alike {
    /// What passes through an array: found by `find`, or known from one that is used alike.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn through(
        &mut self,
        scop: &Scop,
        array: usize,
        reductions: Reductions,
        find: impl FnOnce() -> Result<Relations>,
    ) -> Result<Relations> {
        let users = (0..scop.statements.len()).filter(|&s| scop.statements[s].touches(array)).collect();
        let names = Names { array, users };
        let key = names.uses(scop, reductions)?;
        if let Some((other, through)) = self.0.get(&key) {
            return Renaming { from: other, to: &names }.through(through);
        }
        let through = find()?;
        self.0.insert(key, (names, through.clone()));
        Ok(through)
    }
}

impl Names {
    /// How the array is used, without names.
    fn uses(&self, scop: &Scop, reductions: Reductions) -> Result<Vec<String>> {
        let array = &scop.arrays[self.array];
        let mut uses = vec![format!("{:?} {:?} {reductions:?}", array.role, array.extents)];
        let ranks = self.ranks(scop);
        for (&s, ranks) in self.users.iter().zip(ranks) {
            let statement = &scop.statements[s];
            uses.push(format!("{} {:?} {ranks:?}", statement.dims.len(), statement.assign.op));
            for access in statement.accesses.iter().filter(|access| access.array == self.array) {
                let relation = access.relation.named_domain("S")?.named_range("A")?;
                uses.push(format!("{} {} {relation}", access.reads, access.writes));
            }
        }
        Ok(uses)
    }

    /// Where each user stands in the source, at each level among the users alone.
    fn ranks(&self, scop: &Scop) -> Vec<Vec<usize>> {
        let positions = |&s: &usize| &scop.statements[s].positions;
        let depth = self.users.iter().map(|s| positions(s).len()).max().unwrap_or(0);
        let position = |s: &usize, level: usize| positions(s).get(level).copied().unwrap_or(0);
        let places: Vec<Vec<usize>> = (0..depth)
            .map(|level| {
                let mut places: Vec<usize> = self.users.iter().map(|s| position(s, level)).collect();
                places.sort_unstable();
                places.dedup();
                places
            })
            .collect();
        let rank = |s: &usize, level: usize| places[level].partition_point(|&place| place < position(s, level));
        self.users.iter().map(|s| (0..depth).map(|level| rank(s, level)).collect()).collect()
    }
}

/// From the names around one array to those around another.
struct Renaming<'a> {
    from: &'a Names,
    to: &'a Names,
}

impl Renaming<'_> {
    fn through(&self, of: &Relations) -> Result<Relations> {
        let values = |map: &Map| self.value(map);
        let pairs = |map: &Map| map.named_domain(&self.domain(map))?.named_range(&self.statement(map.range_name()));
        let accesses = |map: &Map| map.named_domain(&self.domain(map))?.named_range(&self.array());
        Ok(Relations {
            flow: each(&of.flow, values)?,
            reduction: each(&of.reduction, values)?,
            combined: each(&of.combined, values)?,
            order: each(&of.order, pairs)?,
            binding: each(&of.binding, pairs)?,
            output: each(&of.output, pairs)?,
            anti: each(&of.anti, pairs)?,
            live_in: each(&of.live_in, accesses)?,
            live_out: each(&of.live_out, accesses)?,
        })
    }

    /// `{ S[s] -> [T[t] -> A[a]] }`: a name is changed where its tuple stands alone.
    fn value(&self, map: &Map) -> Result<Map> {
        let sink = self.statement(map.range()?.unwrap()?.domain_name());
        let outer = map.uncurry()?.named_range(&self.array())?.curry()?.named_domain(&self.domain(map))?;
        outer.reverse()?.curry()?.named_domain(&sink)?.uncurry()?.reverse()
    }

    fn domain(&self, map: &Map) -> String {
        self.statement(map.domain_name())
    }

    fn statement(&self, name: Option<String>) -> String {
        let name = name.unwrap_or_default();
        let at = self.from.users.iter().position(|&s| s == number(&name));
        at.map_or(name, |at| statement_name(self.to.users[at]))
    }

    fn array(&self) -> String {
        format!("A{}", self.to.array)
    }
}

fn each(maps: &UnionMap, renamed: impl Fn(&Map) -> Result<Map>) -> Result<UnionMap> {
    let mut result = maps.context().empty_union_map()?;
    for map in maps.maps()? {
        result = result.union(&renamed(&map)?.to_union_map()?)?;
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::super::dependences::{Reductions, Relations, dependences, of_array};
    use crate::isl::{Context, UnionMap};
    use crate::lang::{parse, resolve};

    /// Blocks that are the same but for names, and the same with a difference that only other names tell.
    #[test]
    fn arrays_that_are_used_alike_have_the_dependences_that_isl_finds_for_each() {
        let block = |n: usize, more: &str| {
            format!(
                "for i in 0..9, j in 0..9 {{ X{n}[i][j] = 0; for k in 0..9 {{ X{n}[i][j] += X{}[i][k] * X{}[j][k]; }} }}\
                 for i in 1..9 {{ Y[i] = Y[i - 1] + X{n}[i][i]{more}; }}",
                n - 1,
                n - 1
            )
        };
        let text = format!(
            "input X0[9][9]; temp X1[9][9], X2[9][9], X3[9][9]; output X4[9][9]; inout Y[9];{}{}{}{}",
            block(1, ""),
            block(2, ""),
            block(3, " + X3[i - 1][i]"),
            block(4, "")
        );
        let program = resolve(&parse(&text).unwrap(), &[]).unwrap().program;
        let scop = super::super::extract(&program, &Context::new()).unwrap();
        let all = dependences(&scop, Reductions::Free, 1_000_000).unwrap();
        let each = |f: fn(&Relations) -> &UnionMap| {
            let mut sum = scop.ctx.empty_union_map().unwrap();
            for array in 0..scop.arrays.len() {
                let alone = of_array(&scop, array, Reductions::Free, 1_000_000).unwrap();
                sum = sum.union(f(&alone)).unwrap();
            }
            sum
        };
        assert!(all.flow.is_equal(&each(|t| &t.flow)).unwrap());
        assert!(all.order.is_equal(&each(|t| &t.order)).unwrap());
        assert!(all.anti.is_equal(&each(|t| &t.anti)).unwrap());
        assert!(all.live_in.is_equal(&each(|t| &t.live_in)).unwrap());
        assert!(all.live_out.is_equal(&each(|t| &t.live_out)).unwrap());
    }
}
