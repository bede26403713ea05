//! Which elements does a buffer hold, and which of them cross to DRAM?
//!
//! A buffer serves one iteration of the loops of its scope. Where the next loop only slides the window along one dimension, the
//! buffer is a ring in that dimension: each iteration loads what is new and keeps the rest. Otherwise it is filled at the start of
//! the scope and emptied at its end. In both cases an element is loaded at most once a scope, and only if its first access
//! there reads; it is stored at most once, and only if its value is needed after the scope.
//!
//! Source: Verdoolaege et al., "Polyhedral parallel code generation for CUDA", TACO 9(4), 2013, for tiles in local memory.
//! Differs: loads and stores come from value-based dependences, and a window that slides is kept, not fetched again.

mod strip;

use super::times::Times;
use crate::isl::{Map, Result, Set};
use crate::poly::text::tuple;
use crate::poly::{Access, Dependences, Linear};
use crate::schedule::tree::{BufferSpec, Path, Scope, TileLoop, User};
use strip::Strip;

/// A buffer and its transfers.
pub struct Buffer {
    pub array: usize,
    pub users: Vec<User>,
    pub element_bytes: i64,
    /// One for each dimension of the array.
    pub storage: Vec<Storage>,
    /// The number of loops in one iteration of which it serves: those decided, and others along which nothing is kept.
    pub scope: usize,
    /// The number of loops around its transfers; `None`: outside all groups.
    pub grain: Option<usize>,
    /// Groups at whose first and last position the transfers of a program-wide buffer stand, or the positions at depth `grain`
    /// of its first user and of its last writer.
    pub load_at: usize,
    pub store_at: usize,
    /// `{ P[x] -> A[a] }`
    pub loads: Map,
    /// `{ P[x] -> A[a] }`
    pub stores: Map,
    /// The first and the last leaf, in order of execution, beside which it lives.
    pub alive: (usize, usize),
}

/// How one dimension of an array lies in a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    pub size: i64,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Element `a` lies at `a - (Σ coefficients[q]·x[q] + constant)`, over the loops around the transfers.
    From(Linear),
    /// Element `a` lies at `a mod size`.
    Ring,
}

impl Buffer {
    pub fn bytes(&self) -> i64 {
        self.storage.iter().fold(self.element_bytes, |bytes, s| bytes.saturating_mul(s.size))
    }
}

/// The buffer that a decision stands for.
///
/// # Errors
/// When isl's budget runs out.
pub fn realise(times: &Times, dependences: &Dependences, spec: &BufferSpec) -> Result<Buffer> {
    let view = View { times, dependences, spec };
    let (scope, ring) = view.scope_and_ring();
    let grain = scope + usize::from(ring.is_some());
    let accessed = view.accessed(grain)?;
    let strips = ring.is_some() && view.is_skewed(scope);
    // Where an iteration touches every other row of its window, or every other element of a row, quotients tell which: sums and differences
    // of such sets grow fast. What the window spans stays from when its first row enters to when its last one leaves.
    let spans = ring.is_some() && (strips || view.is_alone() && accessed.has_quotients()?);
    let (mut loads, mut stores, mut held);
    match ring {
        Some(d) if spans => {
            let rows = view.rows(&accessed, d, grain)?;
            let all = view.accessed(scope)?;
            let all = if strips || all.has_quotients()? { view.boxed(&all, scope)?.0 } else { all };
            held = view.lifted(all, scope)?.intersect(&rows)?;
            let Strip { needed, dirty } = match strips {
                true => view.strip(scope)?,
                false => Strip { needed: view.needed(scope, scope)?, dirty: view.dirty(scope, scope)? },
            };
            let (earlier, later) = view.earlier_and_later(grain)?;
            let entering = rows.subtract(&earlier.apply_range(&rows)?)?.coalesce()?;
            let leaving = rows.subtract(&later.apply_range(&rows)?)?.coalesce()?;
            loads = view.lifted(needed, scope)?.intersect(&entering)?;
            stores = view.lifted(dirty, scope)?.intersect(&leaving)?;
        }
        _ => {
            (loads, stores) = (view.needed(scope, grain)?, view.dirty(scope, grain)?);
            held = accessed.clone();
            if ring.is_some() {
                let (earlier, later) = view.earlier_and_later(grain)?;
                let before = earlier.apply_range(&accessed)?;
                let after = later.apply_range(&accessed)?;
                loads = loads.subtract(&before)?.coalesce()?;
                stores = stores.subtract(&later.apply_range(&view.written(grain)?)?)?;
                held = held.union(&before)?.intersect(&accessed.union(&after)?)?;
            }
        }
    }
    let array = &times.scop.arrays[spec.array];
    let storage = |d: usize| match strips {
        true => view.boxed_storage(d, scope, ring == Some(d), &held),
        false => view.storage(d, scope, ring == Some(d), &held),
    };
    let storage = (0..array.extents.len()).map(storage).collect::<Result<Vec<_>>>()?;
    let (load_at, store_at) = view.positions(grain);
    Ok(Buffer {
        array: spec.array,
        users: spec.users.clone(),
        element_bytes: array.ty.bytes(),
        storage,
        scope,
        grain: matches!(spec.scope, Scope::Loops { .. }).then_some(grain),
        load_at,
        store_at,
        loads: loads.coalesce()?,
        stores: stores.coalesce()?,
        alive: view.alive(scope),
    })
}

/// A decision and what is needed to read it.
struct View<'a> {
    times: &'a Times<'a>,
    dependences: &'a Dependences,
    spec: &'a BufferSpec,
}

impl View<'_> {
    fn path(&self, user: &User) -> &Path {
        self.times.path(user.statement)
    }

    /// The number of loops that all users share.
    fn shared(&self) -> usize {
        let first = self.path(&self.spec.users[0]);
        let shared =
            |user| if self.spec.users.len() == 1 { first.loops.len() } else { first.shared_loops(self.path(user)) };
        self.spec.users.iter().map(shared).min().unwrap_or(0)
    }

    /// The loops of the scope, and the dimension along which the window slides in the next loop.
    ///
    /// Loops whose iterations touch disjoint parts of the array belong to the scope: nothing would be kept between them.
    fn scope_and_ring(&self) -> (usize, Option<usize>) {
        let Scope::Loops { depth } = self.spec.scope else { return (0, None) };
        let shared = self.shared();
        let mut scope = depth.min(shared);
        while scope < shared {
            match self.movement(scope) {
                Movement::Disjoint => scope += 1,
                Movement::Slides(d) => return (scope, Some(d)),
                Movement::Other => break,
            }
        }
        (scope, None)
    }

    /// What the window does from one iteration of loop `q` to the next.
    fn movement(&self, q: usize) -> Movement {
        let mut moved = Vec::new();
        let mut aligned: Option<(usize, Vec<i64>)> = None;
        let mut disjoint = true;
        for user in &self.spec.users {
            let path = self.path(user);
            let tile_loop = &path.loops[q];
            // A statement that only goes along with the others, at one time or at times that loops outside set.
            let Some(k) = moving_dim(path, q) else {
                disjoint = false;
                continue;
            };
            disjoint &= single_dim(&tile_loop.value).is_some();
            for access in user.accesses.iter().map(|&a| &self.times.scop.statements[user.statement].accesses[a]) {
                for (d, index) in access.linear.iter().enumerate() {
                    let Some(index) = index else {
                        disjoint = false;
                        continue;
                    };
                    if index.coefficients[k] == 0 || self.follows(d) {
                        continue;
                    }
                    if !moved.contains(&d) {
                        moved.push(d);
                    }
                    let alone = index.coefficients.iter().filter(|c| **c != 0).count() == 1;
                    let TileLoop { value, tile } = tile_loop;
                    let place =
                        vec![index.coefficients[k], index.constant, value.coefficients[k], value.constant, *tile];
                    match &aligned {
                        _ if !alone => disjoint = false,
                        None => aligned = Some((d, place)),
                        Some((known, other)) => disjoint &= *known != d || *other == place,
                    }
                }
                // An access that stands still while others move meets them again.
                disjoint &= access.linear.iter().flatten().any(|index| index.coefficients[k] != 0);
            }
        }
        match moved[..] {
            [] => Movement::Other,
            _ if disjoint => Movement::Disjoint,
            [d] => Movement::Slides(d),
            _ => Movement::Other,
        }
    }

    /// Whether a loop of the scope is skewed. Then the elements of a row are touched in different iterations of the loop along which the
    /// window slides, and rows cross as a whole.
    fn is_skewed(&self, scope: usize) -> bool {
        let loops = |user: &User| self.path(user).loops[..scope].iter();
        let moved = |l: &TileLoop| l.value.coefficients.iter().filter(|c| **c != 0).count();
        self.spec.users.iter().flat_map(loops).any(|l| moved(l) > 1)
    }

    /// Whether what is written of the array in the group lies in this buffer alone, so that no other one waits for when elements cross.
    fn is_alone(&self) -> bool {
        let group = self.times.group(self.spec.users[0].statement);
        let paths = &self.times.schedule.groups[group].paths;
        let accesses = paths.iter().flat_map(|path| {
            let accesses = self.times.scop.statements[path.statement].accesses.iter().enumerate();
            accesses
                .filter(|(_, access)| access.array == self.spec.array)
                .map(|(n, access)| (path.statement, n, access))
        });
        let accesses: Vec<(usize, usize, &Access)> = accesses.collect();
        let is_served = |(statement, n, _): &(usize, usize, &Access)| {
            self.reader(*statement).is_some_and(|user| user.accesses.contains(n))
        };
        accesses.iter().all(is_served) || accesses.iter().all(|(_, _, access)| !access.writes)
    }

    /// The rows in a window as long as the longest, with all that lies in them. `{ P[x] -> A[a] }`
    fn rows(&self, accessed: &Map, d: usize, grain: usize) -> Result<Map> {
        let (array, rank) = (self.spec.array, self.times.scop.arrays[self.spec.array].extents.len());
        let (xs, a) = (tuple("x", grain), tuple("a", rank));
        let text = format!("{{ P[{xs}] -> A{array}[{a}] : {} }}", self.near(&self.one(accessed, d)?, d, grain)?.0);
        self.times.scop.ctx.map(&text)?.intersect_domain(&accessed.domain()?)
    }

    /// What holds in a scope, in each iteration of the next loop. `{ P[x] -> A[a] }`
    fn lifted(&self, in_scope: Map, scope: usize) -> Result<Map> {
        self.within(scope + 1, scope)?.apply_range(&in_scope)
    }

    /// From iterations of the outer `grain` loops to those of the outer `scope` loops that they belong to. `{ P[x] -> P[x] }`
    fn within(&self, grain: usize, scope: usize) -> Result<Map> {
        let (all, outer) = (tuple("x", grain), tuple("x", scope));
        self.times.scop.ctx.map(&format!("{{ P[{all}] -> P[{outer}] }}"))
    }

    /// `{ P[x] -> A[a] }`, from relations of the users' instances.
    fn gather(&self, depth: usize, relation: impl Fn(&User) -> Result<Option<Map>>) -> Result<Map> {
        let mut all = self.nothing(depth)?;
        for user in &self.spec.users {
            if let Some(relation) = relation(user)? {
                all = all.union(&self.times.prefix(user.statement, depth)?.reverse()?.apply_range(&relation)?)?;
            }
        }
        all.coalesce()
    }

    fn nothing(&self, depth: usize) -> Result<Map> {
        let rank = self.times.scop.arrays[self.spec.array].extents.len();
        let text = format!("{{ P[{}] -> A{}[{}] : false }}", tuple("x", depth), self.spec.array, tuple("a", rank));
        self.times.scop.ctx.map(&text)
    }

    fn accesses<'b>(&'b self, user: &'b User) -> impl Iterator<Item = &'b Access> {
        let accesses = &self.times.scop.statements[user.statement].accesses;
        user.accesses.iter().map(|&a| &accesses[a])
    }

    /// The accesses of a user that pass a test, as one relation. `{ S[i] -> A[a] }`
    fn relation(&self, user: &User, wanted: impl Fn(&Access) -> bool) -> Result<Option<Map>> {
        let mut result: Option<Map> = None;
        for access in self.accesses(user).filter(|a| wanted(a)) {
            result = Some(match result {
                None => access.relation.clone(),
                Some(known) => known.union(&access.relation)?,
            });
        }
        Ok(result)
    }

    fn accessed(&self, depth: usize) -> Result<Map> {
        self.gather(depth, |user| self.relation(user, |_| true))
    }

    fn written(&self, depth: usize) -> Result<Map> {
        self.gather(depth, |user| self.relation(user, |a| a.writes))
    }

    /// Elements whose first access in the scope reads: reads of values that no instance of the same scope made.
    ///
    /// Each access by itself, as isl's work grows faster than with their number, and with the iteration as a dimension: a tile that an instance
    /// is said to share with another is a quotient, which isl mostly keeps where nothing needs it, and of which no loops can be written.
    fn needed(&self, scope: usize, grain: usize) -> Result<Map> {
        let mut all = self.nothing(grain)?;
        for user in &self.spec.users {
            let made = self.made_for(user, scope, grain)?;
            let instances = self.times.prefix(user.statement, grain)?.reverse()?.range_map()?;
            for access in self.accesses(user).filter(|access| access.reads) {
                let mut missing = instances.apply_range(&access.relation)?;
                for made in &made {
                    let same = made.intersect_domain_factor_range(&access.relation)?;
                    missing = missing.subtract(&same)?;
                }
                all = all.union(&missing.domain_factor_domain()?)?;
            }
        }
        all.coalesce()
    }

    /// In each iteration the values that a user reads and that an instance of the same scope made. `{ [P[x] -> T[t]] -> A[a] }`
    fn made_for(&self, user: &User, scope: usize, grain: usize) -> Result<Vec<Map>> {
        let mut all = Vec::new();
        for source in &self.spec.users {
            let Some(flow) = self.flow(source.statement, user.statement) else { continue };
            // Only what this buffer's own writes of the source made lies in it.
            let Some(made) = self.relation(source, |a| a.writes)? else { continue };
            let mut flow = flow.intersect_domain_factor_domain(&made)?;
            // Of two that may run in either order each reads what was there before both.
            if let Some(free) = self.dependences.free_between(source.statement, user.statement, self.spec.array) {
                flow = flow.subtract(free)?;
            }
            let flow = flow.curry()?;
            let in_scope = flow.apply_domain(&self.times.prefix(source.statement, scope)?)?;
            all.push(self.within(grain, scope)?.apply_range(&in_scope)?.uncurry()?);
        }
        Ok(all)
    }

    /// The flow from one statement to another through the array. `{ [S[s] -> T[t]] -> A[a] }`
    fn flow(&self, source: usize, sink: usize) -> Option<&Map> {
        self.dependences.flow_between(source, sink, self.spec.array)
    }

    /// Pairs in one iteration of the scope, and the others.
    fn same_iteration(&self, flow: &Map, source: &User, sink: &User, scope: usize) -> Result<(Map, Map)> {
        let same = self
            .times
            .prefix(source.statement, scope)?
            .apply_range(&self.times.prefix(sink.statement, scope)?.reverse()?)?
            .wrap()?;
        let met = flow.intersect_domain(&same)?;
        let missed = flow.subtract(&met)?;
        Ok((met, missed))
    }

    /// Elements written in the scope whose values are needed after it.
    fn dirty(&self, scope: usize, grain: usize) -> Result<Map> {
        self.gather(grain, |user| {
            let Some(writes) = self.relation(user, |a| a.writes)? else { return Ok(None) };
            let mut needed = self.dependences.live_out_of(user.statement, self.spec.array).cloned();
            for reader in 0..self.times.scop.statements.len() {
                let Some(flow) = self.flow(user.statement, reader) else { continue };
                let away = match self.reader(reader) {
                    Some(own) => {
                        self.same_iteration(flow, user, own, scope)?.1.union(&self.through_dram(flow, own)?)?
                    }
                    None => flow.clone(),
                };
                needed = union(needed, away.domain_factor_domain()?)?;
            }
            if let Some(own) = self.dependences.reduction_of(user.statement, self.spec.array) {
                let away = self.same_iteration(own, user, user, scope)?.1;
                // Tiles may run a reduction in another order than the source: either of a pair may be the later one.
                needed = union(needed, away.domain_factor_domain()?.union(&away.domain_factor_range()?)?)?;
            }
            for other in 0..self.times.scop.statements.len() {
                let Some(free) = self.dependences.free_between(other, user.statement, self.spec.array) else {
                    continue;
                };
                let away = match self.reader(other) {
                    Some(own) => self.same_iteration(free, own, user, scope)?.1,
                    None => free.clone(),
                };
                needed = union(needed, away.domain_factor_range()?)?;
            }
            // All of them is the usual answer, and the writes themselves say it in the fewest words.
            needed
                .map(|needed| if writes.is_subset(&needed)? { Ok(writes.clone()) } else { writes.intersect(&needed) })
                .transpose()
        })
    }

    fn reader(&self, statement: usize) -> Option<&User> {
        self.spec.users.iter().find(|u| u.statement == statement)
    }

    /// The part of a flow to a user that its accesses through other buffers read.
    fn through_dram(&self, flow: &Map, user: &User) -> Result<Map> {
        let accesses = &self.times.scop.statements[user.statement].accesses;
        let mut rest = flow.subtract(flow)?;
        for (n, access) in accesses.iter().enumerate() {
            if access.array == self.spec.array && access.reads && !user.accesses.contains(&n) {
                rest = rest.union(&flow.intersect_domain_factor_range(&access.relation)?)?;
            }
        }
        Ok(rest)
    }

    /// Pairs of iterations that differ in the last of `depth` loops: from each to the earlier and to the later ones.
    fn earlier_and_later(&self, depth: usize) -> Result<(Map, Map)> {
        let xs = tuple("x", depth);
        let last = depth - 1;
        let ys: Vec<String> = (0..depth).map(|q| if q == last { "y".into() } else { format!("x{q}") }).collect();
        let relation = |sign| {
            let text = format!("{{ P[{xs}] -> P[{}] : y {sign} x{last} }}", ys.join(","));
            self.times.scop.ctx.map(&text)
        };
        Ok((relation("<")?, relation(">")?))
    }

    /// How dimension `d` of what is held lies in the buffer.
    fn storage(&self, d: usize, scope: usize, slides: bool, held: &Map) -> Result<Storage> {
        let one = self.one(held, d)?.coalesce()?;
        let depth = held.n_in()?;
        let base = self.base(d, scope, depth);
        let (lo, hi) = self.span_from(&one, &base, 1)?;
        let anchored = Storage {
            size: hi - lo + 1,
            place: Place::From(Linear { constant: base.constant + lo, coefficients: base.coefficients }),
        };
        if !slides && anchored.size == 1 {
            return Ok(anchored);
        }
        // Consecutive elements lie apart modulo their number wherever they start, and those that another dimension tells apart anyhow.
        let together = match self.follows(d) {
            // What the dimensions before tell is in its place, from the first of them on.
            true => self.beside(held, d, &(0..d).collect::<Vec<_>>())?,
            false if slides && self.leans(scope) => {
                let rank = self.times.scop.arrays[self.spec.array].extents.len();
                let others = (0..rank).filter(|&other| other != d && !self.follows(other));
                self.beside(held, d, &others.collect::<Vec<_>>())?
            }
            false => one,
        };
        let window = together.reverse()?.apply_range(&together)?.deltas()?.dim_max(0)?.unwrap_or(0) + 1;
        Ok(if window < anchored.size { Storage { size: window, place: Place::Ring } } else { anchored })
    }

    /// As [`View::storage`], of elements in boxes that move with the loops around the transfers, or with those of the scope.
    fn boxed_storage(&self, d: usize, scope: usize, slides: bool, held: &Map) -> Result<Storage> {
        let (one, depth) = (self.one(held, d)?, held.n_in()?);
        let (base, lo, hi) = self.nearest(&one, d, if slides { depth } else { scope }, depth, 1)?;
        let start = Linear { constant: base.constant + lo, coefficients: base.coefficients };
        let place = if slides { Place::Ring } else { Place::From(start) };
        Ok(Storage { size: hi - lo + 1, place })
    }

    /// Whether another dimension tells where in this one an element lies, but for a constant: of a diagonal nothing else is held.
    fn follows(&self, d: usize) -> bool {
        let indices = |user: &User, a: usize| &self.times.scop.statements[user.statement].accesses[a].linear;
        let is_told = |user: &User, a: usize, e: usize| {
            let (index, other) = (&indices(user, a)[d], &indices(user, a)[e]);
            index.as_ref().zip(other.as_ref()).is_some_and(|(index, other)| index.distance(other).is_some())
        };
        let users = || self.spec.users.iter();
        (0..d).any(|e| users().all(|user| user.accesses.iter().all(|&a| is_told(user, a, e))))
    }

    /// Whether the loop inside the scope is skewed: rows that it keeps lie elsewhere at each step of time.
    fn leans(&self, scope: usize) -> bool {
        let loops = self.spec.users.iter().filter_map(|user| self.path(user).loops.get(scope));
        loops.into_iter().any(|l| l.value.coefficients.iter().filter(|c| **c != 0).count() > 1)
    }

    /// The values of dimension `d` beside the same ones of some others. `{ [P[x] -> B[b]] -> [a] }`
    fn beside(&self, elements: &Map, d: usize, others: &[usize]) -> Result<Map> {
        let (array, rank) = (self.spec.array, self.times.scop.arrays[self.spec.array].extents.len());
        let (xs, a) = (tuple("x", elements.n_in()?), tuple("a", rank));
        let others: Vec<String> = others.iter().map(|other| format!("a{other}")).collect();
        let text = format!("{{ [P[{xs}] -> A{array}[{a}]] -> [[P[{xs}] -> B[{}]] -> [a{d}]] }}", others.join(","));
        elements.wrap()?.apply(&self.times.scop.ctx.map(&text)?)?.unwrap()?.coalesce()
    }

    /// The values of dimension `d`. `{ P[x] -> [a] }`
    fn one(&self, elements: &Map, d: usize) -> Result<Map> {
        let rank = self.times.scop.arrays[self.spec.array].extents.len();
        elements.project_out_range(d + 1, rank - d - 1)?.project_out_range(0, d)
    }

    /// The smallest and the largest distance of `scale` times the values of `{ P[x] -> [a] }` from a base.
    fn span_from(&self, one: &Map, base: &Linear, scale: i64) -> Result<(i64, i64)> {
        let depth = base.coefficients.len();
        let mut offset = format!("{scale}*a - ({})", base.constant);
        for (q, c) in base.coefficients.iter().enumerate() {
            offset.push_str(&format!(" {:+}*x{q}", -c));
        }
        let shift = self.times.scop.ctx.map(&format!("{{ [P[{}] -> [a]] -> [{offset}] }}", tuple("x", depth)))?;
        let distances = one.wrap()?.apply(&shift)?;
        Ok((distances.dim_min(0)?.unwrap_or(0), distances.dim_max(0)?.unwrap_or(0)))
    }

    /// Where dimension `d` of the first access starts in an iteration of the scope's loops, up to a constant.
    fn base(&self, d: usize, scope: usize, depth: usize) -> Linear {
        let user = &self.spec.users[0];
        self.start(user, user.accesses[0], d, scope, depth, 1)
    }

    /// `scale` times where dimension `d` of an access starts in an iteration of the scope's loops, up to a constant.
    fn start(&self, user: &User, access: usize, d: usize, scope: usize, depth: usize, scale: i64) -> Linear {
        let access = &self.times.scop.statements[user.statement].accesses[access];
        let mut base = Linear::constant(depth, 0);
        let Some(index) = &access.linear[d] else { return base };
        let starts = tile_starts(&self.path(user).loops[..scope], index.coefficients.len(), depth, scale);
        for (k, start) in starts.iter().enumerate() {
            if let (Some(start), c) = (start, index.coefficients[k]) {
                for (sum, s) in base.coefficients.iter_mut().zip(&start.coefficients) {
                    *sum += c * s;
                }
            }
        }
        base
    }

    /// `scale` times the start of an access from which as many times all values of `{ P[x] -> [a] }`, which is dimension `d`, are
    /// nearest, and the smallest and the largest distance from there.
    fn nearest(&self, one: &Map, d: usize, scope: usize, depth: usize, scale: i64) -> Result<(Linear, i64, i64)> {
        let mut bases: Vec<Linear> = Vec::new();
        for user in &self.spec.users {
            for base in user.accesses.iter().map(|&access| self.start(user, access, d, scope, depth, scale)) {
                if !bases.contains(&base) {
                    bases.push(base);
                }
            }
        }
        let mut best: Option<(Linear, i64, i64)> = None;
        for base in bases {
            let (lo, hi) = self.span_from(one, &base, scale)?;
            if best.as_ref().is_none_or(|(_, least, most)| hi - lo < most - least) {
                best = Some((base, lo, hi));
            }
        }
        Ok(best.unwrap_or((Linear::constant(depth, 0), 0, 0)))
    }

    /// Positions of the first user and of the last writer, at the depth of the transfers.
    fn positions(&self, grain: usize) -> (usize, usize) {
        let position = |user: &User| match self.spec.scope {
            Scope::Program => self.times.group(user.statement),
            Scope::Loops { .. } => self.path(user).positions[grain],
        };
        let writes =
            |user: &&User| user.accesses.iter().any(|&a| self.times.scop.statements[user.statement].accesses[a].writes);
        let first = self.spec.users.iter().map(position).min().unwrap_or(0);
        let last = self.spec.users.iter().filter(writes).map(position).max().unwrap_or(first);
        (first, last)
    }

    /// The leaves, counted in order of execution, during which the buffer exists.
    fn alive(&self, scope: usize) -> (usize, usize) {
        let mut leaves = Vec::new();
        for (g, group) in self.times.schedule.groups.iter().enumerate() {
            let mut paths: Vec<&Path> = group.paths.iter().collect();
            paths.sort_by(|a, b| a.positions.cmp(&b.positions));
            leaves.extend(paths.into_iter().map(|p| (g, p)));
        }
        let first = self.path(&self.spec.users[0]);
        let group_of = |user: &User| self.times.group(user.statement);
        let groups = (
            self.spec.users.iter().map(group_of).min().unwrap_or(0),
            self.spec.users.iter().map(group_of).max().unwrap_or(0),
        );
        let at_scope = |user: &User| self.path(user).positions[scope];
        let inside = |&(g, path): &(usize, &Path)| match self.spec.scope {
            Scope::Program => (groups.0..=groups.1).contains(&g),
            Scope::Loops { .. } => {
                let low = self.spec.users.iter().map(at_scope).min().unwrap_or(0);
                let high = self.spec.users.iter().map(at_scope).max().unwrap_or(0);
                g == groups.0
                    && path.loops.len() >= scope
                    && path.positions[..scope] == first.positions[..scope]
                    && (low..=high).contains(&path.positions[scope])
            }
        };
        let at: Vec<usize> = leaves.iter().enumerate().filter(|(_, leaf)| inside(leaf)).map(|(n, _)| n).collect();
        (at.first().copied().unwrap_or(0), at.last().copied().unwrap_or(0))
    }
}

enum Movement {
    /// Iterations touch parts of the array that have no element in common.
    Disjoint,
    /// The window moves along this dimension alone.
    Slides(usize),
    Other,
}

/// The dimension that loop `q` moves, of those that no loop around it sets.
fn moving_dim(path: &Path, q: usize) -> Option<usize> {
    let mut value = path.loops[q].value.clone();
    for outer in &path.loops[..q] {
        if let Some(k) = single_dim(&outer.value) {
            value.coefficients[k] = 0;
        }
    }
    single_dim(&value)
}

fn single_dim(value: &Linear) -> Option<usize> {
    let mut dims = (0..value.coefficients.len()).filter(|&k| value.coefficients[k] != 0);
    dims.next().filter(|_| dims.next().is_none())
}

/// `scale` times the first value of each dimension in a tile, as a form over the loops, up to a constant; `None` where no loop sets it.
fn tile_starts(loops: &[TileLoop], dims: usize, depth: usize, scale: i64) -> Vec<Option<Linear>> {
    let mut starts: Vec<Option<Linear>> = vec![None; dims];
    for (q, tile_loop) in loops.iter().enumerate() {
        let value = &tile_loop.value.coefficients;
        let mut unknown = (0..dims).filter(|&k| value[k] != 0 && starts[k].is_none());
        let (Some(k), None) = (unknown.next(), unknown.next()) else { continue };
        let mut start = Linear::constant(depth, 0);
        start.coefficients[q] = tile_loop.tile.saturating_mul(scale);
        for (other, known) in starts.iter().enumerate() {
            if let (Some(known), c) = (known, value[other]) {
                for (sum, s) in start.coefficients.iter_mut().zip(&known.coefficients) {
                    *sum -= c * s;
                }
            }
        }
        if start.coefficients.iter().all(|c| c % value[k] == 0) {
            start.coefficients.iter_mut().for_each(|c| *c /= value[k]);
            starts[k] = Some(start);
        }
    }
    starts
}

fn union(known: Option<Map>, more: Map) -> Result<Option<Map>> {
    known.map_or(Ok(more.clone()), |known| known.union(&more)).map(Some)
}

/// Elements transferred by a relation `{ P[x] -> A[a] }`, as points of one space.
pub fn points(transfers: &Map, name: &str) -> Result<Set> {
    transfers.wrap()?.flatten()?.named(name)
}
