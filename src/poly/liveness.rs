//! Which instances does a program need, and how does it read without the others?
//!
//! An instance is live when what it writes stays at the end or is read by a live one, and dead otherwise. What is not seen to be dead counts
//! as live, so the search may stop anywhere: first statements are left out from which nothing comes to what stays, however they feed
//! each other; then, a few times over, instances of which all readers are left out.
//!
//! Source: dead code elimination as in Verdoolaege et al., "Polyhedral parallel code generation for CUDA", TACO 9(4), 2013.
//! Differs: it starts from all instances and not from what stays, so that no closure of a dependence is needed, and pieces stay exact.

mod write;

use super::dependences::{Dependences, pair};
use super::scop::Scop;
use crate::isl::{Result, Row, Set};
use std::collections::{BTreeMap, BTreeSet};

/// How often instances are left out because others were: along a chain over time it would go on for all of its steps.
const ROUNDS: usize = 4;

/// Most pieces of a statement's live instances: those of the faces of a box.
const PIECES: usize = 6;

/// Rows over the dimensions of a statement; where all hold, the instances of the statement are those of the piece.
type Piece = Vec<Row>;

/// The live instances of a program that has dead ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Liveness {
    /// The statements that have dead instances.
    statements: BTreeMap<usize, Live>,
}

/// The live instances of a statement that has dead ones.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Live {
    /// Disjoint; none where all instances are dead.
    pieces: Vec<Piece>,
    /// Whether no instance waits for another one of the statement, so that pieces may run one after the other.
    is_free: bool,
}

impl Liveness {
    /// `None` where no instance is seen to be dead, and where the live ones of a statement come in many pieces or a quotient tells them.
    ///
    /// # Errors
    /// When isl's budget runs out.
    pub fn find(scop: &Scop, dependences: &Dependences) -> Result<Option<Liveness>> {
        let mut writers: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for s in 0..scop.statements.len() {
            dependences.readers(s).for_each(|(reader, _)| {
                writers.entry(reader).or_default().insert(s);
            });
        }
        let none = BTreeSet::new();
        let writers = |s: usize| writers.get(&s).unwrap_or(&none);
        let runs = scop.statements.iter().map(|s| s.domain.clone()).collect();
        let mut search = Search { scop, dependences, runs, found: BTreeMap::new() };
        let stays = |&s: &usize| dependences.live_out_of(s, scop.statements[s].accesses[0].array).is_some();
        let mut needed: BTreeSet<usize> = (0..scop.statements.len()).filter(stays).collect();
        let mut open: Vec<usize> = needed.iter().copied().collect();
        while let Some(s) = open.pop() {
            open.extend(writers(s).iter().filter(|&&writer| needed.insert(writer)));
        }
        for s in (0..scop.statements.len()).filter(|s| !needed.contains(s)) {
            search.leave_out(s)?;
        }
        // Readers mostly stand behind what they read.
        let mut due = needed;
        for _ in 0..ROUNDS {
            let mut next = BTreeSet::new();
            for &s in due.iter().rev() {
                if search.cut(s)? {
                    next.extend(writers(s));
                }
            }
            due = next;
        }
        search.liveness()
    }

    /// Whether the same is left out of the same statements, of a program of another size.
    pub fn is_like(&self, other: &Liveness) -> bool {
        self.shape() == other.shape()
    }

    /// The statements that have dead instances, and whether all are.
    pub fn statements(&self) -> impl Iterator<Item = (usize, bool)> {
        self.statements.iter().map(|(&s, live)| (s, live.pieces.is_empty()))
    }

    fn shape(&self) -> Vec<(usize, bool, Vec<Vec<Side>>)> {
        let of = |(&s, live): (&usize, &Live)| (s, live.is_free, live.pieces.iter().map(side).collect());
        self.statements.iter().map(of).collect()
    }
}

/// A row but for its constant.
type Side = (bool, Vec<i64>);

fn side(piece: &Piece) -> Vec<Side> {
    piece.iter().map(|row| (row.is_equality, row.coefficients.clone())).collect()
}

/// The way to a program's live instances.
struct Search<'a> {
    scop: &'a Scop,
    dependences: &'a Dependences,
    /// What is left of each statement; no value passes from what is not left to what is. `{ S[i] }`
    runs: Vec<Set>,
    /// The pieces of those of which not all is left.
    found: BTreeMap<usize, Vec<Piece>>,
}

impl Search<'_> {
    /// Leaves out all instances of a statement.
    fn leave_out(&mut self, s: usize) -> Result<()> {
        if !self.runs[s].is_empty()? {
            self.runs[s] = self.runs[s].subtract(&self.runs[s])?;
            self.found.insert(s, Vec::new());
        }
        Ok(())
    }

    /// Leaves out the instances of a statement from which no value comes to what is left; whether there are any.
    fn cut(&mut self, s: usize) -> Result<bool> {
        let target = self.scop.statements[s].accesses[0].array;
        let stays = self.dependences.live_out_of(s, target);
        let mut dead = self.runs[s].clone();
        if let Some(stays) = stays {
            dead = dead.subtract(&stays.domain()?)?;
        }
        for (reader, flow) in self.dependences.readers(s) {
            if dead.is_empty()? {
                return Ok(false);
            }
            let pairs = flow.domain()?.unwrap()?;
            let pairs = match self.found.contains_key(&reader) {
                true => pairs.intersect_range(&self.runs[reader])?,
                false => pairs,
            };
            dead = dead.subtract(&pairs.domain()?)?;
        }
        if dead.is_empty()? {
            return Ok(false);
        }
        let live = self.runs[s].subtract(&dead)?.coalesce()?;
        let Some(pieces) = pieces(&live, &self.scop.statements[s].domain)? else { return Ok(false) };
        self.runs[s] = live;
        self.found.insert(s, pieces);
        Ok(true)
    }

    fn liveness(self) -> Result<Option<Liveness>> {
        let order = self.dependences.order.maps()?;
        let waiting: BTreeSet<usize> = order.iter().filter_map(pair).filter(|(s, t)| s == t).map(|(s, _)| s).collect();
        let live = |(s, pieces): (usize, Vec<Piece>)| {
            let is_free = !waiting.contains(&s) && !self.scop.statements[s].is_reduction();
            (s, Live { pieces, is_free })
        };
        let statements: BTreeMap<usize, Live> = self.found.into_iter().map(live).collect();
        Ok((!statements.is_empty()).then_some(Liveness { statements }))
    }
}

/// Instances of a domain in a few disjoint pieces, as rows that tell them from the others of the domain; `None` where there are many, or no rows do.
fn pieces(live: &Set, domain: &Set) -> Result<Option<Vec<Piece>>> {
    let dims = domain.n_dim()?;
    let mut found: Vec<Piece> = Vec::new();
    for piece in live.gist(domain)?.disjoint_pieces()? {
        if piece.intersect(domain)?.is_empty()? {
            continue;
        }
        let Ok([mut rows]) = <[Piece; 1]>::try_from(piece.pieces()?) else { return Ok(None) };
        if found.len() == PIECES || rows.iter().any(|row| row.coefficients.len() > dims) {
            return Ok(None);
        }
        rows.sort();
        found.push(rows);
    }
    // In one order for programs of all sizes.
    found.sort_by_cached_key(|rows| (side(rows), rows.clone()));
    Ok(Some(found))
}
