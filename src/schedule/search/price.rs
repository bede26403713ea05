//! What does a plan move, and how much scratchpad does it need? The one model that the search and its callers share.
//!
//! Shapes are derived once for each set of loops and kept; only tiles change from question to question.

use super::frame::{Frame, Loop, Path, ceil_div};
use super::legal::{band_keeps, open_edges, private_keeps};
use super::table::QuickMap;
use super::traffic::{self, Instances, Traffic};
use super::window::{self, Motion, Window, members, motion, moving};
use crate::schedule::problem::{Access, Buffer, Index, Plan, Problem, Statement};
use smallvec::SmallVec;

/// Answers questions on buffers of one problem.
pub struct Pricer<'a> {
    pub frame: Frame<'a>,
    /// How far each index of each access of a statement reaches beyond its array.
    overhangs: Vec<Vec<SmallVec<[i64; 4]>>>,
    traffic_memory: traffic::Memory,
    window_memory: window::Memory,
    traffic: Vec<Traffic>,
    traffic_ids: QuickMap<(usize, u64, u64, usize), usize>,
    windows: Vec<Window>,
    window_ids: QuickMap<(usize, u64, u64, usize), usize>,
    motions: QuickMap<(usize, u64, usize), Motion>,
}

/// What a plan costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    pub moved_bytes: i64,
    pub peak_bytes: i64,
    /// For each buffer of the plan its length in each dim of its array.
    pub boxes: Vec<Vec<i64>>,
}

/// A buffer seen from inside its users: its array and who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub array: usize,
    pub users: Vec<usize>,
    mask: u64,
    /// The loops that move its box.
    moving: u64,
    /// Some users depend on each other both ways: what is read first depends on the loops inside an instance.
    pub is_cyclic: bool,
    /// Its only user touches each element in one instance: the elements can pass a row of instances at a time, at the leaf.
    pub is_stream: bool,
}

impl Client {
    pub fn new(frame: &Frame, array: usize, users: &[usize]) -> Self {
        let edge = |a: usize, b: usize| frame.problem.edges.iter().any(|edge| edge.from == a && edge.to == b);
        let both = |&a: &usize| users.iter().any(|&b| a < b && edge(a, b) && edge(b, a));
        let mask = users.iter().fold(0, |mask, &s| mask | 1 << s);
        let is_stream = matches!(*users, [only] if streams(frame, array, only));
        let is_cyclic = users.iter().any(both);
        Client { array, users: users.to_vec(), mask, moving: moving(frame, array, users), is_cyclic, is_stream }
    }
}

/// The physical box of a buffer while its loops are walked from the outside in.
#[derive(Debug)]
pub struct Extent {
    /// Lengths in each array dim.
    current: SmallVec<[i64; 4]>,
    /// Can further loops inside make it smaller?
    pub open: bool,
}

impl Clone for Extent {
    /// A copy of memory, which a derived clone of the list is not.
    fn clone(&self) -> Self {
        Extent { current: SmallVec::from_slice(&self.current), open: self.open }
    }
}

impl<'a> Pricer<'a> {
    /// What sums have cost since the last call, in steps.
    pub fn take_steps(&mut self) -> u64 {
        self.traffic_memory.take_steps()
    }

    pub fn new(problem: &'a Problem) -> Option<Self> {
        Some(Pricer {
            frame: Frame::new(problem)?,
            overhangs: problem.statements.iter().map(|statement| overhangs(problem, statement)).collect(),
            traffic_memory: traffic::Memory::default(),
            window_memory: window::Memory::default(),
            traffic: Vec::new(),
            traffic_ids: QuickMap::default(),
            windows: Vec::new(),
            window_ids: QuickMap::default(),
            motions: QuickMap::default(),
        })
    }

    /// Bytes that the client's buffer loads and stores when its instances stand inside the loops `around`; `scope` are the band
    /// loops inside an instance.
    pub fn bytes(&mut self, client: &Client, around: &Path, scope: &[Loop]) -> i64 {
        let inside: Vec<usize> = if client.is_cyclic { scope.iter().map(|l| l.id).collect() } else { Vec::new() };
        let order = inside.iter().fold(0, |code, id| code * 65 + id + 1);
        let key = (client.array, client.mask, around.mask, order);
        let index = match self.traffic_ids.get(&key) {
            Some(&index) => index,
            None => {
                let instances =
                    Instances { array: client.array, users: &client.users, fixed: &around.ids, scope: &inside };
                self.traffic.push(Traffic::new(&self.frame, &mut self.traffic_memory, &instances));
                self.traffic_ids.insert(key, self.traffic.len() - 1);
                self.traffic.len() - 1
            }
        };
        let (loads, stores) = self.traffic[index].elements(&mut self.traffic_memory, &around.tiles);
        let bytes = i128::from(self.frame.problem.arrays[client.array].element_bytes);
        i64::try_from(loads.saturating_add(stores).saturating_mul(bytes)).unwrap_or(i64::MAX)
    }

    /// The box of the client's buffer as its instance begins: nothing inside the loops `around` has been walked.
    pub fn start(&mut self, client: &Client, around: &Path) -> Extent {
        let (window, tiles) = self.window(client, around, None);
        let (window, memory) = (&self.windows[window], &mut self.window_memory);
        let mut current = SmallVec::new();
        for length in &window.lengths {
            current.push(memory.value(length, &tiles));
        }
        Extent { current, open: true }
    }

    /// Walks one more loop inside the instance: the last of the path.
    pub fn narrow(&mut self, client: &Client, path: &Path, extent: &mut Extent) {
        let Some(&moving) = path.loops.last() else { return };
        if !extent.open || self.frame.trips(moving, client.users[0]) <= 1 {
            return;
        }
        let frame = &self.frame;
        let known = self.motions.entry((client.array, client.mask, moving.id));
        let motion = known.or_insert_with(|| motion(frame, client.array, &client.users, moving.id));
        let Motion::Along(dims) = *motion else {
            extent.open = false;
            return;
        };
        let (window, tiles) = self.window(client, path, Some(moving.id));
        let (window, memory) = (&self.windows[window], &mut self.window_memory);
        let moved = || members(dims).filter_map(|dim| window.slides[dim].as_ref().map(|slide| (dim, slide)));
        let is_cut = moved().any(|(_, slide)| memory.value(&slide.overlap, &tiles) == 0);
        if is_cut || dims.count_ones() == 1 {
            for (dim, slide) in moved() {
                let length = if is_cut { &window.lengths[dim] } else { &slide.ring };
                extent.current[dim] = extent.current[dim].min(memory.value(length, &tiles));
            }
        }
        extent.open = is_cut;
    }

    /// Bytes that a buffer of the client holds at least while all iterators but those of `loops` stand still: no choice of further
    /// loops or of a depth needs less.
    pub fn floor(&self, client: &Client, loops: &[Loop]) -> i64 {
        let problem = self.frame.problem;
        if client.is_stream {
            return self.element_bytes(client);
        }
        let mut most = 0i64;
        for &statement in client.users.iter().filter(|s| self.frame.runs(**s)) {
            let extents = &problem.statements[statement].extents;
            // Some tile has at least the mean number of iterations.
            let mut moving: SmallVec<[(usize, i64); 8]> = SmallVec::new();
            for l in loops {
                let Some(iterator) = self.frame.attach(l.id, statement).iterator else { continue };
                let steps = ceil_div(extents[iterator], self.frame.trips(*l, statement).max(1)) - 1;
                if steps > 0 {
                    moving.push((iterator, steps));
                }
            }
            let accesses = problem.statements[statement].accesses.iter().zip(&self.overhangs[statement]);
            for (access, overhangs) in accesses.filter(|(access, _)| access.array == client.array) {
                let lengths = access.index.iter().zip(overhangs).map(|(index, overhang)| {
                    let Index::Linear { coefficients, .. } = index else { return 1 };
                    let span = moving.iter().map(|&(i, steps)| coefficients[i].abs() * steps).sum::<i64>() + 1;
                    span - overhang
                });
                most = most.max(lengths.fold(1, |product, length| product.saturating_mul(length.max(1))));
            }
        }
        most.saturating_mul(problem.arrays[client.array].element_bytes)
    }

    pub fn element_bytes(&self, client: &Client) -> i64 {
        self.frame.problem.arrays[client.array].element_bytes
    }

    /// Bytes of the elements of a stream that one row of instances touches: those that differ in the innermost iterator alone.
    pub fn row_bytes(&self, client: &Client, loops: &[Loop]) -> i64 {
        let statement = client.users[0];
        let of = &self.frame.problem.statements[statement];
        let extents = &of.extents;
        let last = match extents.len().checked_sub(1) {
            Some(last) if !of.is_diagonal(client.array) => last,
            _ => return self.element_bytes(client),
        };
        let is_last = |l: &&Loop| self.frame.attach(l.id, statement).iterator == Some(last);
        let run = loops.iter().filter(is_last).map(|l| ceil_div(l.tile, self.frame.attach(l.id, statement).rate)).min();
        self.element_bytes(client).saturating_mul(run.map_or(extents[last], |run| run.min(extents[last])))
    }

    /// Bytes of a box.
    pub fn box_bytes(&self, client: &Client, extent: &Extent) -> i64 {
        let elements = extent.current.iter().fold(1i128, |product, &length| product.saturating_mul(i128::from(length)));
        let bytes = elements.saturating_mul(i128::from(self.frame.problem.arrays[client.array].element_bytes));
        i64::try_from(bytes).unwrap_or(i64::MAX)
    }

    /// The client's buffer at `depth` of its loops; for several users these are the band's.
    fn extent(&mut self, client: &Client, loops: &[Loop], depth: usize) -> Extent {
        let path = |loops: &[Loop], frame: &Frame| Path::new(frame, loops, client.users[0]);
        let mut extent = self.start(client, &path(&loops[..depth], &self.frame));
        for inner in depth..loops.len() {
            self.narrow(client, &path(&loops[..=inner], &self.frame), &mut extent);
        }
        extent
    }

    /// The window below the loops of a path that move it, and their tiles.
    fn window(&mut self, client: &Client, path: &Path, last: Option<usize>) -> (usize, SmallVec<[i64; 8]>) {
        let (ids, tiles) = path.within(client.moving);
        let key = (client.array, client.mask, path.mask & client.moving, last.map_or(0, |id| id + 1));
        if let Some(&index) = self.window_ids.get(&key) {
            return (index, tiles);
        }
        let slot = last.and_then(|id| ids.iter().position(|&other| other == id));
        let window = Window::new(&self.frame, &mut self.window_memory, client.array, &client.users, &ids, slot);
        self.windows.push(window);
        self.window_ids.insert(key, self.windows.len() - 1);
        (self.windows.len() - 1, tiles)
    }

    /// Bytes moved and the peak, if the plan is legal.
    pub fn plan(&mut self, plan: &Plan) -> Option<(i64, i64)> {
        self.price(plan).map(|priced| (priced.moved_bytes, priced.peak_bytes))
    }

    /// The same with the box of each buffer.
    pub fn price(&mut self, plan: &Plan) -> Option<Priced> {
        let band: Vec<Loop> = plan.band.iter().map(|l| Loop { id: l.dim, tile: l.tile }).collect();
        let loops = self.statement_loops(plan, &band)?;
        if !self.covers(plan, &loops) {
            return None;
        }
        let (mut moved, mut boxes) = (0i64, Vec::new());
        let mut live = vec![0i64; self.frame.problem.statements.len().max(1)];
        for buffer in &plan.buffers {
            let client = Client::new(&self.frame, buffer.array, &buffer.users);
            let path = if let [only] = buffer.users.as_slice() { &loops[*only] } else { &band };
            let scope = band.get(buffer.depth..).unwrap_or(&[]);
            let depth = buffer.depth.min(path.len());
            let around = Path::new(&self.frame, &path[..depth], client.users[0]);
            moved = moved.checked_add(self.bytes(&client, &around, scope))?;
            let extent = self.extent(&client, path, depth);
            let size = match buffer.depth > depth {
                true => self.row_bytes(&client, path),
                false => self.box_bytes(&client, &extent),
            };
            boxes.push(extent.current.to_vec());
            let all = 0..live.len();
            let positions =
                if buffer.depth < band.len() { all } else { *buffer.users.first()?..buffer.users.last()? + 1 };
            for position in positions {
                live[position] = live[position].checked_add(size)?;
            }
        }
        Some(Priced { moved_bytes: moved, peak_bytes: live.into_iter().max().unwrap_or(0), boxes })
    }

    /// Each statement's path of loops, if the plan's loops are well formed and keep all edges.
    fn statement_loops(&self, plan: &Plan, band: &[Loop]) -> Option<Vec<Vec<Loop>>> {
        let problem = self.frame.problem;
        let known = |l: &Loop| l.id < problem.dims.len() && l.tile >= 1;
        if !band.iter().all(known) || !self.is_band(&band.iter().map(|l| l.id).collect::<Vec<_>>()) {
            return None;
        }
        if plan.private.len() != problem.statements.len() || !band_keeps(problem, band) {
            return None;
        }
        let mut paths = Vec::new();
        for (statement, private) in plan.private.iter().enumerate() {
            let mut taken = self.band_iterators(band, statement);
            for l in private {
                if taken.contains(&l.iterator)
                    || l.iterator >= problem.statements[statement].extents.len()
                    || l.tile < 1
                {
                    return None;
                }
                taken.push(l.iterator);
            }
            let pairs: Vec<(usize, i64)> = private.iter().map(|l| (l.iterator, l.tile)).collect();
            if !private_keeps(&open_edges(problem, band, statement), &pairs) {
                return None;
            }
            let own = private.iter().map(|l| Loop { id: self.frame.private_id(l.iterator), tile: l.tile });
            paths.push(band.iter().copied().chain(own).collect());
        }
        Some(paths)
    }

    /// Can these dims stand in one band: all of different classes, and no iterator on two of them?
    pub fn is_band(&self, ids: &[usize]) -> bool {
        let problem = self.frame.problem;
        let classes = ids
            .iter()
            .enumerate()
            .all(|(k, &id)| ids[..k].iter().all(|&other| problem.dims[other].class != problem.dims[id].class));
        let iterators = (0..problem.statements.len()).all(|statement| {
            let mut taken: Vec<usize> =
                ids.iter().filter_map(|&id| problem.dims[id].attach[statement].iterator).collect();
            let all = taken.len();
            taken.sort_unstable();
            taken.dedup();
            taken.len() == all
        });
        classes && iterators
    }

    pub fn band_iterators(&self, band: &[Loop], statement: usize) -> Vec<usize> {
        band.iter().filter_map(|l| self.frame.attach(l.id, statement).iterator).collect()
    }

    /// Does every access have one buffer, and are values that pass between buffers coherent?
    fn covers(&self, plan: &Plan, loops: &[Vec<Loop>]) -> bool {
        (0..self.frame.problem.arrays.len()).all(|array| {
            let own: Vec<&Buffer> = plan.buffers.iter().filter(|buffer| buffer.array == array).collect();
            let mut users: Vec<usize> = own.iter().flat_map(|buffer| buffer.users.iter().copied()).collect();
            users.sort_unstable();
            let depths = own.iter().all(|buffer| match buffer.users.as_slice() {
                [] => false,
                [only] => loops.get(*only).is_some_and(|path| {
                    let leaf = path.len() + usize::from(streams(&self.frame, array, *only));
                    buffer.depth <= leaf
                }),
                several => several.is_sorted() && buffer.depth <= plan.band.len(),
            });
            let read_only = !self.frame.is_written(array);
            let one_each = own.iter().all(|buffer| buffer.users.len() == 1);
            let coherent = match own.len() {
                0 | 1 => true,
                _ => one_each && (read_only || own.iter().all(|buffer| buffer.depth >= plan.band.len())),
            };
            users == self.frame.users(array) && depths && coherent
        }) && plan.buffers.iter().all(|buffer| buffer.array < self.frame.problem.arrays.len())
    }
}

/// Whether each element of the array that the statement touches is touched in one instance, all its iterators being indices.
fn streams(frame: &Frame, array: usize, statement: usize) -> bool {
    let of = &frame.problem.statements[statement];
    let mut own = of.accesses.iter().filter(|access| access.array == array);
    let Some(first) = own.next() else { return false };
    let mut walking = Vec::new();
    for index in &first.index {
        let Index::Linear { coefficients, .. } = index else { return false };
        let moving: Vec<usize> = (0..coefficients.len()).filter(|&k| coefficients[k] != 0).collect();
        match *moving {
            [] => {}
            [only] => walking.push(only),
            _ => return false,
        }
    }
    own.all(|other| other.index == first.index)
        && (0..of.extents.len()).all(|k| of.extents[k] <= 1 || walking.contains(&k))
}

/// For each access of a statement and each of its indices how far it reaches beyond its array.
fn overhangs(problem: &Problem, statement: &Statement) -> Vec<SmallVec<[i64; 4]>> {
    let of = |(index, &extent): (&Index, &i64)| match index {
        Index::Linear { coefficients, constant } => overhang(coefficients, *constant, &statement.extents, extent),
        Index::Range { .. } => 0,
    };
    let each = |access: &Access| access.index.iter().zip(&problem.arrays[access.array].extents).map(of).collect();
    statement.accesses.iter().map(each).collect()
}

/// How far an index reaches beyond its array, at both ends together.
fn overhang(coefficients: &[i64], constant: i64, iterators: &[i64], extent: i64) -> i64 {
    let (mut low, mut high) = (constant, constant);
    for (coefficient, extent) in coefficients.iter().zip(iterators) {
        low += (coefficient * (extent - 1)).min(0);
        high += (coefficient * (extent - 1)).max(0);
    }
    (-low).max(0) + (high + 1 - extent).max(0)
}
