//! What does a plan move, and how much scratchpad does it need? The one model that the search and its callers share.
//!
//! Shapes are derived once for each set of loops and kept; only tiles change from question to question.

use super::frame::{Frame, Loop};
use super::legal::{band_keeps, open_edges, private_keeps};
use super::table::QuickMap;
use super::traffic::{self, Instances, Traffic};
use super::window::{self, Motion, Window, motion};
use crate::schedule::problem::{Buffer, Plan, Problem};

/// Answers questions on buffers of one problem.
pub struct Pricer<'a> {
    pub frame: Frame<'a>,
    traffic_memory: traffic::Memory,
    window_memory: window::Memory,
    traffic: Vec<Traffic>,
    traffic_ids: QuickMap<(usize, u64, u64, usize), usize>,
    windows: Vec<Window>,
    window_ids: QuickMap<(usize, u64, u64, usize), usize>,
    motions: QuickMap<(usize, u64, usize), Motion>,
}

/// A buffer seen from inside its users: its array and who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub array: usize,
    pub users: Vec<usize>,
    mask: u64,
}

impl Client {
    pub fn new(array: usize, users: &[usize]) -> Self {
        Client { array, users: users.to_vec(), mask: users.iter().fold(0, |mask, &s| mask | 1 << s) }
    }
}

/// Tiles by ascending loop id, with the mask of the ids.
struct Fixed {
    mask: u64,
    ids: Vec<usize>,
    tiles: Vec<i64>,
}

impl<'a> Pricer<'a> {
    pub fn new(problem: &'a Problem) -> Option<Self> {
        Some(Pricer {
            frame: Frame::new(problem)?,
            traffic_memory: traffic::Memory::default(),
            window_memory: window::Memory::default(),
            traffic: Vec::new(),
            traffic_ids: QuickMap::default(),
            windows: Vec::new(),
            window_ids: QuickMap::default(),
            motions: QuickMap::default(),
        })
    }

    fn fixed(&self, loops: &[Loop], statement: usize) -> Fixed {
        let mut several: Vec<Loop> =
            loops.iter().copied().filter(|l| l.tile < self.frame.extent(l.id, statement)).collect();
        several.sort_unstable_by_key(|l| l.id);
        Fixed {
            mask: several.iter().fold(0, |mask, l| mask | 1 << l.id),
            ids: several.iter().map(|l| l.id).collect(),
            tiles: several.iter().map(|l| l.tile).collect(),
        }
    }

    /// Bytes that the client's buffer loads and stores when its instances stand inside the loops `around`; `scope` are the band
    /// loops inside an instance.
    pub fn bytes(&mut self, client: &Client, around: &[Loop], scope: &[Loop]) -> i64 {
        let fixed = self.fixed(around, client.users[0]);
        let inside: Vec<usize> = if client.users.len() > 1 { scope.iter().map(|l| l.id).collect() } else { Vec::new() };
        let order = inside.iter().fold(0, |code, id| code * 65 + id + 1);
        let key = (client.array, client.mask, fixed.mask, order);
        let index = match self.traffic_ids.get(&key) {
            Some(&index) => index,
            None => {
                let instances =
                    Instances { array: client.array, users: &client.users, fixed: &fixed.ids, scope: &inside };
                self.traffic.push(Traffic::new(&self.frame, &mut self.traffic_memory, &instances));
                self.traffic_ids.insert(key, self.traffic.len() - 1);
                self.traffic.len() - 1
            }
        };
        let (loads, stores) = self.traffic[index].elements(&mut self.traffic_memory, &fixed.tiles);
        let bytes = i128::from(self.frame.problem.arrays[client.array].element_bytes);
        i64::try_from(loads.saturating_add(stores).saturating_mul(bytes)).unwrap_or(i64::MAX)
    }

    /// Bytes of the client's buffer at `depth` of its loops; for several users these are the band's.
    pub fn size(&mut self, client: &Client, loops: &[Loop], depth: usize) -> i64 {
        let rank = self.frame.problem.arrays[client.array].extents.len();
        let outer = self.window(client, &loops[..depth], None);
        let mut current: Vec<i64> = (0..rank).map(|dim| self.length(outer, dim, &loops[..depth], client)).collect();
        for inner in depth..loops.len() {
            let moving = loops[inner];
            if self.frame.trips(moving, client.users[0]) <= 1 {
                continue;
            }
            let key = (client.array, client.mask, moving.id);
            let frame = &self.frame;
            let known = self.motions.entry(key).or_insert_with(|| motion(frame, client.array, &client.users, moving.id));
            let Motion::Along(dims) = known.clone() else { break };
            let around = &loops[..=inner];
            let window = self.window(client, around, Some(moving.id));
            if dims.iter().any(|&dim| !self.overlaps(window, dim, around, client)) {
                for &dim in &dims {
                    current[dim] = current[dim].min(self.length(window, dim, around, client));
                }
                continue;
            }
            if let [dim] = dims.as_slice() {
                current[*dim] = current[*dim].min(self.ring(window, *dim, around, client));
            }
            break;
        }
        let elements = current.iter().fold(1i128, |product, &length| product.saturating_mul(i128::from(length)));
        let bytes = elements.saturating_mul(i128::from(self.frame.problem.arrays[client.array].element_bytes));
        i64::try_from(bytes).unwrap_or(i64::MAX)
    }

    fn window(&mut self, client: &Client, loops: &[Loop], last: Option<usize>) -> usize {
        let fixed = self.fixed(loops, client.users[0]);
        let key = (client.array, client.mask, fixed.mask, last.map_or(0, |id| id + 1));
        if let Some(&index) = self.window_ids.get(&key) {
            return index;
        }
        let slot = last.and_then(|id| fixed.ids.iter().position(|&other| other == id));
        let window =
            Window::new(&self.frame, &mut self.window_memory, client.array, &client.users, &fixed.ids, slot);
        self.windows.push(window);
        self.window_ids.insert(key, self.windows.len() - 1);
        self.windows.len() - 1
    }

    fn length(&mut self, window: usize, dim: usize, loops: &[Loop], client: &Client) -> i64 {
        let tiles = self.fixed(loops, client.users[0]).tiles;
        self.window_memory.value(&self.windows[window].lengths[dim], &tiles)
    }

    fn ring(&mut self, window: usize, dim: usize, loops: &[Loop], client: &Client) -> i64 {
        let tiles = self.fixed(loops, client.users[0]).tiles;
        self.window_memory.value(&self.windows[window].rings[dim], &tiles)
    }

    fn overlaps(&mut self, window: usize, dim: usize, loops: &[Loop], client: &Client) -> bool {
        let tiles = self.fixed(loops, client.users[0]).tiles;
        self.window_memory.value(&self.windows[window].overlaps[dim], &tiles) != 0
    }

    /// Bytes moved and the peak, if the plan is legal.
    pub fn plan(&mut self, plan: &Plan) -> Option<(i64, i64)> {
        let band: Vec<Loop> = plan.band.iter().map(|l| Loop { id: l.dim, tile: l.tile }).collect();
        let loops = self.statement_loops(plan, &band)?;
        if !self.covers(plan, &loops) {
            return None;
        }
        let mut moved = 0i64;
        let mut live = vec![0i64; self.frame.problem.statements.len().max(1)];
        for buffer in &plan.buffers {
            let client = Client::new(buffer.array, &buffer.users);
            let path = if let [only] = buffer.users.as_slice() { &loops[*only] } else { &band };
            let scope = band.get(buffer.depth..).unwrap_or(&[]);
            moved = moved.checked_add(self.bytes(&client, &path[..buffer.depth], scope))?;
            let size = self.size(&client, path, buffer.depth);
            let all = 0..live.len();
            let positions = if buffer.depth < band.len() { all } else { *buffer.users.first()?..buffer.users.last()? + 1 };
            for position in positions {
                live[position] = live[position].checked_add(size)?;
            }
        }
        Some((moved, live.into_iter().max().unwrap_or(0)))
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
                if taken.contains(&l.iterator) || l.iterator >= problem.statements[statement].extents.len() || l.tile < 1 {
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
        let classes = ids.iter().enumerate().all(|(k, &id)| {
            ids[..k].iter().all(|&other| problem.dims[other].class != problem.dims[id].class)
        });
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
                [only] => loops.get(*only).is_some_and(|path| buffer.depth <= path.len()),
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
