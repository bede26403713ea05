//! Runs a plan point by point over sets of elements: what is really loaded, stored and live.

use crate::random::{Instance, elements, points, source};
use polyfuse::schedule::problem::*;
use std::collections::{BTreeMap, BTreeSet};

/// One access of one element.
struct Event {
    instance: Instance,
    buffer: usize,
    /// Positions of the outer loops that name the buffer's instance.
    key: Vec<i64>,
    array: usize,
    element: Vec<i64>,
    writes: bool,
    /// The statement accumulates here, in any order.
    is_reduction: bool,
}

/// What a run did.
pub struct Run {
    pub moved: i64,
    /// The largest sum of boxes that hold something live.
    pub peak: i64,
}

/// Runs the plan; `Err` says what went wrong: a read of another value than in the source, or two live elements in one place.
pub fn run(problem: &Problem, is_nested: bool, plan: &Plan, boxes: &[Vec<i64>]) -> Result<Run, String> {
    let events = events(problem, plan);
    values(problem, is_nested, &events)?;
    let moved = transfers(problem, &events);
    let peak = places(problem, plan, &events, boxes)?;
    Ok(Run { moved, peak })
}

/// Positions of the band's loops, the statement, positions of its own loops, the point.
type Date = (Vec<i64>, usize, Vec<i64>, Vec<i64>);

/// Tile positions of the loops, outermost first; all points of an iterator value run at `floor(value / tile)`.
fn events(problem: &Problem, plan: &Plan) -> Vec<Event> {
    let mut order: Vec<Date> = Vec::new();
    for (s, statement) in problem.statements.iter().enumerate() {
        for point in points(&statement.extents, &statement.slopes) {
            let band = plan.band.iter().map(|l| {
                let attach = &problem.dims[l.dim].attach[s];
                (attach.iterator.map_or(0, |i| attach.rate * point[i]) + attach.shift).div_euclid(l.tile)
            });
            let own = plan.private[s].iter().map(|l| point[l.iterator].div_euclid(l.tile));
            order.push((band.collect(), s, own.collect(), point.clone()));
        }
    }
    order.sort();
    let mut events = Vec::new();
    for (band, s, own, point) in order {
        let path = [band, own].concat();
        for writes in [false, true] {
            for access in problem.statements[s].accesses.iter().filter(|a| if writes { a.writes } else { a.reads }) {
                let mine = |buffer: &Buffer| buffer.array == access.array && buffer.users.contains(&s);
                let buffer = plan.buffers.iter().position(mine).expect("a buffer");
                for element in elements(&problem.arrays[access.array], access, &point) {
                    events.push(Event {
                        instance: (s, point.clone()),
                        buffer,
                        key: path[..plan.buffers[buffer].depth].to_vec(),
                        array: access.array,
                        element,
                        writes,
                        is_reduction: access.reads && access.writes,
                    });
                }
            }
        }
    }
    events
}

/// Does each read see the value that it sees in the source? Within a reduction the order is free.
fn values(problem: &Problem, is_nested: bool, events: &[Event]) -> Result<(), String> {
    let mut last: BTreeMap<(usize, Vec<i64>), Instance> = BTreeMap::new();
    let mut expected: BTreeMap<(Instance, usize, Vec<i64>), Option<Instance>> = BTreeMap::new();
    for (s, point) in source(problem, is_nested) {
        for writes in [false, true] {
            for access in problem.statements[s].accesses.iter().filter(|a| if writes { a.writes } else { a.reads }) {
                for element in elements(&problem.arrays[access.array], access, &point) {
                    let place = (access.array, element);
                    let instance = (s, point.clone());
                    if writes {
                        last.insert(place, instance);
                    } else {
                        expected.insert((instance, place.0, place.1.clone()), last.get(&place).cloned());
                    }
                }
            }
        }
    }
    last.clear();
    for event in events {
        let place = (event.array, event.element.clone());
        if event.writes {
            last.insert(place, event.instance.clone());
            continue;
        }
        let wanted = &expected[&(event.instance.clone(), place.0, place.1.clone())];
        let seen = last.get(&place).cloned();
        let same_reduction = event.is_reduction
            || wanted.as_ref().zip(seen.as_ref()).is_some_and(|(a, b)| {
                let updates = |a: &&Access| a.array == event.array && a.reads && a.writes;
                a.0 == b.0 && problem.statements[a.0].accesses.iter().any(|access| updates(&access))
            });
        if *wanted != seen && !same_reduction {
            return Err(format!("{:?} reads {place:?} from {seen:?} instead of {wanted:?}", event.instance));
        }
    }
    Ok(())
}

fn transfers(problem: &Problem, events: &[Event]) -> i64 {
    let mut by_element: BTreeMap<(usize, &Vec<i64>), Vec<&Event>> = BTreeMap::new();
    for event in events {
        by_element.entry((event.array, &event.element)).or_default().push(event);
    }
    let mut moved = 0;
    for ((array, _), events) in by_element {
        let array = &problem.arrays[array];
        let mut is_defined = array.live_in;
        let mut instances: BTreeSet<(usize, &Vec<i64>)> = BTreeSet::new();
        for (at, event) in events.iter().enumerate() {
            if instances.insert((event.buffer, &event.key)) {
                // An instance whose accesses are not contiguous would need the value twice; the model forbids such plans.
                if !event.writes && is_defined {
                    moved += 1;
                }
                let inside = |e: &&&Event| (e.buffer, &e.key) == (event.buffer, &event.key);
                let written = events[at..].iter().filter(inside).any(|e| e.writes);
                let end = events.iter().rposition(|e| inside(&e)).expect("its own event");
                let read_next = events.get(end + 1).is_some_and(|next| !next.writes);
                if written && (array.live_out || read_next) {
                    moved += 1;
                }
            }
            is_defined |= event.writes;
        }
    }
    moved
}

/// Puts every live element where its box says and returns the largest sum of boxes in use.
fn places(problem: &Problem, plan: &Plan, events: &[Event], boxes: &[Vec<i64>]) -> Result<i64, String> {
    let mut lives: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for (time, event) in events.iter().enumerate() {
        lives.entry((event.buffer, event.key.as_slice(), event.element.as_slice())).or_insert((time, time)).1 = time;
    }
    let mut tenants: BTreeMap<_, Vec<(usize, usize)>> = BTreeMap::new();
    let mut in_use: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); events.len()];
    for ((buffer, _, element), (first, last)) in lives {
        let place: Vec<i64> = element.iter().zip(&boxes[buffer]).map(|(e, length)| e % (*length).max(1)).collect();
        if boxes[buffer].contains(&0) {
            return Err(format!("buffer {buffer} has no room for {element:?}"));
        }
        let others = tenants.entry((buffer, place)).or_default();
        if others.iter().any(|&(a, b)| a <= last && first <= b) {
            return Err(format!("buffer {buffer} of {:?} is too small for {element:?}", plan.buffers[buffer]));
        }
        others.push((first, last));
        in_use[first..=last].iter_mut().for_each(|set| {
            set.insert(buffer);
        });
    }
    let bytes = |&buffer: &usize| {
        boxes[buffer].iter().product::<i64>() * problem.arrays[plan.buffers[buffer].array].element_bytes
    };
    Ok(in_use.iter().map(|set| set.iter().map(bytes).sum()).max().unwrap_or(0))
}
