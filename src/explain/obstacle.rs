//! Which dependence keeps two nests from sharing a loop?
//!
//! A loop can be shared where an instance of the first nest is never needed by one of the second that is far behind it along the loop. For
//! each dependence the loops that walk one dimension of an array together are asked how far that is; the least of them is what any shared
//! loop has to bridge, and the instances that are so far apart are the witness.

use crate::isl::{Map, Result};
use crate::optimize::Analysed;
use crate::poly::{Sharing, Statement, pair};
use crate::report::code::Code;
use crate::report::figures::grouped;

/// Two loops, one around each statement, and how far the first must be ahead.
struct Gap {
    loops: (usize, usize),
    distance: i64,
}

/// What a loop around both nests of a pair would have to bridge, in words; `None` where no dependence needs the first nest ahead.
///
/// # Errors
/// When isl refuses a relation.
pub fn obstacle(analysed: &Analysed, sharing: &Sharing) -> Result<Option<(Code, String)>> {
    let scop = &analysed.case.scop;
    let mut worst: Option<(Gap, Map, usize, usize)> = None;
    for map in analysed.case.dependences.order.maps()? {
        let Some((s, t)) = pair(&map) else { continue };
        let (from, to) = (&scop.statements[s], &scop.statements[t]);
        if (from.nest, to.nest) != sharing.nests {
            continue;
        }
        if let Some(gap) = least_gap(&map, from, to, sharing)?
            && worst.as_ref().is_none_or(|(known, ..)| known.distance < gap.distance)
        {
            worst = Some((gap, map, s, t));
        }
    }
    let Some((gap, map, s, t)) = worst.filter(|(gap, ..)| gap.distance > 0) else { return Ok(None) };
    let (from, to) = (&scop.statements[s], &scop.statements[t]);
    let point = at_distance(&map, &gap)?.wrap()?.first_point()?.unwrap_or_default();
    let (source, sink) = point.split_at(from.dims.len().min(point.len()));
    let (i, j) = (&from.dims[gap.loops.0].iterator, &to.dims[gap.loops.1].iterator);
    let sums_over =
        from.is_reduction() && from.accesses[0].linear.iter().flatten().all(|l| l.coefficients[gap.loops.0] == 0);
    let code = if sums_over { Code::ReductionOrder } else { Code::Dependence };
    let text = format!(
        "{} needs {}: along `{i}` and `{j}`, the loops that come closest, the first nest must be {} iterations ahead",
        instance(to, sink),
        instance(from, source),
        grouped(gap.distance)
    );
    Ok(Some((code, text)))
}

/// The reason why two nests have no loop that both could share.
///
/// # Errors
/// When isl refuses a relation.
pub fn no_loop(analysed: &Analysed, sharing: &Sharing) -> Result<(Code, String)> {
    if let Some(reason) = obstacle(analysed, sharing)? {
        return Ok(reason);
    }
    let scop = &analysed.case.scop;
    let of = |nest: usize| scop.statements.iter().filter(move |s| s.nest == nest);
    let walked = of(sharing.nests.0).any(|from| of(sharing.nests.1).any(|to| !together(from, to, sharing).is_empty()));
    Ok(match walked {
        true => (Code::Dependence, "no loop of both keeps every dependence between them".into()),
        false => {
            let names = sharing.arrays.iter().map(|&a| format!("`{}`", scop.arrays[a].name)).collect::<Vec<_>>();
            (Code::NoCommonLoop, format!("no loop of both walks the same dimension of {}", names.join(", ")))
        }
    })
}

/// The loops of two statements that walk the same dimension of a shared array.
fn together(from: &Statement, to: &Statement, sharing: &Sharing) -> Vec<(usize, usize)> {
    let mut loops = Vec::new();
    let accesses = from.accesses.iter().flat_map(|a| to.accesses.iter().map(move |b| (a, b)));
    for (a, b) in accesses.filter(|(a, b)| a.array == b.array && sharing.arrays.contains(&a.array)) {
        for (left, right) in a.linear.iter().zip(&b.linear) {
            let (Some(left), Some(right)) = (left, right) else { continue };
            for k in (0..left.coefficients.len()).filter(|&k| left.coefficients[k] != 0) {
                for l in (0..right.coefficients.len()).filter(|&l| right.coefficients[l] != 0) {
                    if !loops.contains(&(k, l)) {
                        loops.push((k, l));
                    }
                }
            }
        }
    }
    loops
}

/// The loops along which a dependence has to bridge least.
fn least_gap(map: &Map, from: &Statement, to: &Statement, sharing: &Sharing) -> Result<Option<Gap>> {
    let mut least: Option<Gap> = None;
    for loops in together(from, to, sharing) {
        let wrapped = map.wrap()?;
        let ahead = difference(map, loops)?;
        let Some(distance) = wrapped.apply(&map.context().map(&ahead)?)?.dim_max(0)? else { continue };
        if least.as_ref().is_none_or(|known| distance < known.distance) {
            least = Some(Gap { loops, distance });
        }
    }
    Ok(least)
}

/// How far the first instance of a pair is ahead of the second: `{ [S[i] -> T[j]] -> [i_k - j_l] }`
fn difference(map: &Map, (k, l): (usize, usize)) -> Result<String> {
    let tuple = |letter: &str, n: usize| crate::poly::text::tuple(letter, n);
    let (s, t) = (map.domain_name().unwrap_or_default(), map.range_name().unwrap_or_default());
    Ok(format!("{{ [{s}[{}] -> {t}[{}]] -> [i{k} - j{l}] }}", tuple("i", map.n_in()?), tuple("j", map.n_out()?)))
}

/// The pairs that are as far apart as the gap is wide.
fn at_distance(map: &Map, gap: &Gap) -> Result<Map> {
    let distance = map.context().map(&difference(map, gap.loops)?)?;
    let wide = map.context().set(&format!("{{ [{}] }}", gap.distance))?;
    distance.intersect_range(&wide)?.domain()?.intersect(&map.wrap()?)?.unwrap()
}

/// `S1 at i = 3, k = 0`
fn instance(statement: &Statement, point: &[i64]) -> String {
    let values: Vec<String> = statement.dims.iter().zip(point).map(|(d, v)| format!("{} = {v}", d.iterator)).collect();
    if values.is_empty() {
        statement.label.to_string()
    } else {
        format!("{} at {}", statement.label, values.join(", "))
    }
}
