//! Small problems and plans drawn from a fixed stream of numbers.

use polyfuse::schedule::problem::*;

/// A deterministic stream (xorshift).
pub struct Stream(pub u64);

impl Stream {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % bound.max(1) as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as usize) as i64
    }
}

/// A problem and whether its statements share their first iterator as an outer loop of the source.
pub struct Drawn {
    pub problem: Problem,
    pub is_nested: bool,
}

/// What is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Any,
    /// Every index is one iterator with coefficient 1, at most shifted, a statement has one access to an array, and none leaves it.
    Plain,
    /// The same, but that iterators are tied to each other.
    Tied,
}

pub fn problem(stream: &mut Stream, kind: Kind) -> Drawn {
    let is_plain = kind != Kind::Any;
    let is_nested = stream.one_in(4);
    let outer = stream.between(1, 5);
    let arrays: Vec<Array> = (0..1 + stream.below(3)).map(|_| array(stream, is_plain)).collect();
    let mut statements = Vec::new();
    for _ in 0..1 + stream.below(3) {
        let mut extents: Vec<i64> = (0..1 + stream.below(3)).map(|_| stream.between(1, 5)).collect();
        if is_nested {
            extents[0] = outer;
        }
        let mut accesses: Vec<Access> =
            (0..1 + stream.below(3)).map(|_| access(stream, &arrays, &extents, is_plain)).collect();
        if is_plain {
            accesses.sort_by_key(|access| access.array);
            accesses.dedup_by_key(|access| access.array);
        }
        let slopes = if kind == Kind::Tied { slopes(stream, &extents) } else { vec![] };
        statements.push(Statement { extents, accesses, slopes });
    }
    let dims = (0..stream.below(4)).map(|class| dim(stream, class, &statements, is_nested)).collect();
    let mut problem = Problem { statements, arrays, dims, edges: vec![] };
    problem.edges = edges(&problem, is_nested);
    define(&mut problem, is_nested);
    Drawn { problem, is_nested }
}

/// Arrays of which something is read that nobody wrote before have values from before the group.
fn define(problem: &mut Problem, is_nested: bool) {
    let mut written = std::collections::BTreeSet::new();
    for (s, point) in source(problem, is_nested) {
        let accesses = &problem.statements[s].accesses;
        for access in accesses.iter().filter(|access| access.reads) {
            let mut places = elements(&problem.arrays[access.array], access, &point).into_iter();
            let is_undefined = places.any(|element| !written.contains(&(access.array, element)));
            problem.arrays[access.array].live_in |= is_undefined;
        }
        for access in accesses.iter().filter(|access| access.writes) {
            let places = elements(&problem.arrays[access.array], access, &point);
            written.extend(places.into_iter().map(|element| (access.array, element)));
        }
    }
}

fn array(stream: &mut Stream, is_plain: bool) -> Array {
    let rank = stream.below(3);
    let extents = (0..rank).map(|_| if is_plain { 7 } else { stream.between(1, 8) }).collect();
    let live_in = !stream.one_in(3);
    Array { extents, element_bytes: 1, live_in, live_out: stream.one_in(2) }
}

fn access(stream: &mut Stream, arrays: &[Array], extents: &[i64], is_plain: bool) -> Access {
    let array = stream.below(arrays.len());
    let mut free: Vec<usize> = (0..extents.len()).collect();
    let index = arrays[array].extents.iter().map(|&extent| {
        let mut coefficients = vec![0; extents.len()];
        if is_plain {
            if !free.is_empty() {
                coefficients[free.remove(stream.below(free.len()))] = 1;
            }
            return Index::Linear { coefficients, constant: stream.between(0, 2) };
        }
        if stream.one_in(12) {
            return Index::Range { lo: 0, hi: extent };
        }
        for _ in 0..1 + stream.below(2) {
            let iterator = stream.below(extents.len());
            coefficients[iterator] = [1, 1, 1, 1, 2, -1, 0][stream.below(7)];
        }
        Index::Linear { coefficients, constant: stream.between(-1, 2) }
    });
    let index = index.collect();
    let (reads, writes) = [(true, false), (false, true), (true, true)][stream.below(3)];
    Access { array, reads, writes, index }
}

fn dim(stream: &mut Stream, class: usize, statements: &[Statement], is_nested: bool) -> BandDim {
    let mut shift = 0;
    let attach = statements.iter().map(|statement| {
        shift += i64::from(stream.one_in(3));
        let iterator = (!stream.one_in(5)).then(|| stream.below(statement.extents.len()));
        let rate = if stream.one_in(6) { 2 } else { 1 };
        Attach { iterator: if is_nested && class == 0 { Some(0) } else { iterator }, rate, shift }
    });
    let attach: Vec<Attach> = attach.collect();
    let attach = if is_nested && class == 0 {
        attach.into_iter().map(|attach| Attach { rate: 1, shift: 0, ..attach }).collect()
    } else {
        attach
    };
    BandDim { class, attach }
}

/// One or two slopes that leave each iterator its first and its last value, if such are found soon.
fn slopes(stream: &mut Stream, extents: &[i64]) -> Vec<Slope> {
    if extents.len() < 2 {
        return vec![];
    }
    for _ in 0..8 {
        let slope = |stream: &mut Stream| {
            let first = stream.below(extents.len());
            let second = (first + 1 + stream.below(extents.len() - 1)) % extents.len();
            let (c, d) = [(1, -1), (-1, 1), (1, 1), (-1, -1), (2, -1)][stream.below(5)];
            Slope { terms: [(first, c), (second, d)], constant: stream.between(-2, 6) }
        };
        let slopes: Vec<Slope> = (0..1 + stream.below(2)).map(|_| slope(stream)).collect();
        let all = points(extents, &slopes);
        let is_tight =
            |(k, &extent): (usize, &i64)| [0, extent - 1].iter().all(|end| all.iter().any(|point| point[k] == *end));
        if extents.iter().enumerate().all(is_tight) {
            return slopes;
        }
    }
    vec![]
}

/// All points of a box of iterators at which the slopes hold, in source order.
pub fn points(extents: &[i64], slopes: &[Slope]) -> Vec<Vec<i64>> {
    let mut points = extents.iter().fold(vec![vec![]], |points, &extent| {
        let longer = |point: &Vec<i64>| {
            let point = point.clone();
            (0..extent).map(move |value| [point.as_slice(), &[value]].concat())
        };
        points.iter().flat_map(longer).collect()
    });
    let holds = |slope: &Slope, point: &[i64]| {
        slope.terms.iter().map(|&(k, c)| c * point[k]).sum::<i64>() + slope.constant >= 0
    };
    points.retain(|point: &Vec<i64>| slopes.iter().all(|slope| holds(slope, point)));
    points
}

/// The elements that an access touches at a point; none outside the array.
pub fn elements(array: &Array, access: &Access, point: &[i64]) -> Vec<Vec<i64>> {
    let ranges: Vec<(i64, i64)> = access
        .index
        .iter()
        .map(|index| match index {
            Index::Linear { coefficients, constant } => {
                let at = coefficients.iter().zip(point).map(|(c, i)| c * i).sum::<i64>() + constant;
                (at, at + 1)
            }
            Index::Range { lo, hi } => (*lo, *hi),
        })
        .collect();
    ranges.iter().zip(&array.extents).fold(vec![vec![]], |elements, (&(lo, hi), &extent)| {
        let longer = |element: &Vec<i64>| {
            let element = element.clone();
            (lo.max(0)..hi.min(extent)).map(move |value| [element.as_slice(), &[value]].concat())
        };
        elements.iter().flat_map(longer).collect()
    })
}

/// A statement's point in the source.
pub type Instance = (usize, Vec<i64>);

/// All points of the program in source order.
pub fn source(problem: &Problem, is_nested: bool) -> Vec<Instance> {
    let of = |s: usize| {
        points(&problem.statements[s].extents, &problem.statements[s].slopes).into_iter().map(move |point| (s, point))
    };
    let mut all: Vec<Instance> = (0..problem.statements.len()).flat_map(of).collect();
    if is_nested {
        all.sort_by(|a, b| (a.1[0], a.0, &a.1).cmp(&(b.1[0], b.0, &b.1)));
    }
    all
}

/// The number of an access, its array, the elements.
type Touch = (usize, usize, Vec<Vec<i64>>);

fn edges(problem: &Problem, is_nested: bool) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    let source = source(problem, is_nested);
    let touched: Vec<Vec<Touch>> = source
        .iter()
        .map(|(s, point)| {
            let accesses = problem.statements[*s].accesses.iter().enumerate();
            accesses.map(|(k, a)| (k, a.array, elements(&problem.arrays[a.array], a, point))).collect()
        })
        .collect();
    for (later, (to, target)) in source.iter().enumerate() {
        for (earlier, (from, origin)) in source[..later].iter().enumerate() {
            let depends = touched[earlier].iter().any(|(j, array, elements)| {
                touched[later].iter().any(|(k, other, others)| {
                    let (a, b) = (&problem.statements[*from].accesses[*j], &problem.statements[*to].accesses[*k]);
                    let is_reduction = from == to && j == k && a.reads && a.writes;
                    array == other
                        && (a.writes || b.writes)
                        && !is_reduction
                        && elements.iter().any(|element| others.contains(element))
                })
            });
            if depends {
                add(problem, &mut edges, (*from, origin), (*to, target));
            }
        }
    }
    edges
}

fn add(problem: &Problem, edges: &mut Vec<Edge>, (from, origin): (usize, &[i64]), (to, target): (usize, &[i64])) {
    let value = |dim: &BandDim, statement: usize, point: &[i64]| {
        let attach = &dim.attach[statement];
        attach.iterator.map_or(0, |i| attach.rate * point[i]) + attach.shift
    };
    let dims = problem.dims.iter().map(|dim| value(dim, to, target) - value(dim, from, origin));
    let dim_distance: Vec<i64> = dims.collect();
    let iterators = target.iter().zip(origin).map(|(b, a)| b - a);
    let iterator_distance: Vec<i64> = if from == to { iterators.collect() } else { vec![] };
    match edges.iter_mut().find(|edge| edge.from == from && edge.to == to) {
        Some(edge) => {
            let least = |known: &mut Vec<i64>, own: Vec<i64>| {
                known.iter_mut().zip(own).for_each(|(known, own)| *known = (*known).min(own));
            };
            least(&mut edge.dim_distance, dim_distance);
            least(&mut edge.iterator_distance, iterator_distance);
        }
        None => edges.push(Edge { from, to, dim_distance, iterator_distance }),
    }
}

/// Any plan: legal or not.
pub fn plan(stream: &mut Stream, problem: &Problem) -> Plan {
    let mut dims: Vec<usize> = (0..problem.dims.len()).collect();
    let mut band = Vec::new();
    for _ in 0..stream.below(dims.len() + 1) {
        let dim = dims.remove(stream.below(dims.len()));
        band.push(BandLoop { dim, tile: stream.between(1, 5) });
    }
    let own = |statement: usize, stream: &mut Stream| {
        let taken = |i: &usize| !band.iter().any(|l| problem.dims[l.dim].attach[statement].iterator == Some(*i));
        let mut free: Vec<usize> = (0..problem.statements[statement].extents.len()).filter(taken).collect();
        let mut loops = Vec::new();
        for _ in 0..stream.below(free.len() + 1) {
            let iterator = free.remove(stream.below(free.len()));
            loops.push(PrivateLoop { iterator, tile: stream.between(1, 4) });
        }
        loops
    };
    let private: Vec<Vec<PrivateLoop>> = (0..problem.statements.len()).map(|s| own(s, stream)).collect();
    let mut buffers = Vec::new();
    for array in 0..problem.arrays.len() {
        let uses = |s: &usize| problem.statements[*s].accesses.iter().any(|access| access.array == array);
        let users: Vec<usize> = (0..problem.statements.len()).filter(uses).collect();
        if users.len() > 1 && !stream.one_in(3) {
            buffers.push(Buffer { array, users, depth: stream.below(band.len() + 1) });
            continue;
        }
        for user in users {
            let depth = stream.below(band.len() + private[user].len() + 1);
            buffers.push(Buffer { array, users: vec![user], depth });
        }
    }
    Plan { band, private, buffers, peak_bytes: 0, moved_bytes: 0 }
}
