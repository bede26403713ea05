//! Is an element written before it is read, wherever a statement writes it and a statement reads it?
//!
//! A legal plan keeps the order of every dependent pair, so the answer is the program's and not the plan's. If no edge leads from
//! the reader to the writer, nothing is read first. Otherwise the values of the band's loops at which an element is written and read
//! are compared, outermost first, and the sequence breaks ties. Where that is not certain the answer is no, and a load is
//! counted that the program may not need.

use super::frame::Frame;
use crate::schedule::problem::{Access, Index};
use std::cmp::Ordering;

/// When along one loop an access touches an element: at `numerator/denominator·element[dim] + lo..=hi`, or first at a value.
enum When {
    Follows { dim: usize, numerator: i64, denominator: i64, lo: i64, hi: i64 },
    First(i64),
}

/// Does `writer` write every element that both touch before `reader` reads it? `scope` lists the band loops inside the buffer's
/// instance, outermost first.
pub fn writes_first(frame: &Frame, writer: (usize, &Access), reader: (usize, &Access), scope: &[usize]) -> bool {
    let has_edge = |from, to| frame.problem.edges.iter().any(|edge| edge.from == from && edge.to == to);
    if !has_edge(writer.0, reader.0) {
        return false;
    }
    if writer.0 == reader.0 {
        let iterators = 0..frame.problem.statements[writer.0].extents.len();
        let loops: Vec<usize> = iterators.map(|i| frame.private_id(i)).collect();
        return compare(frame, writer, reader, &loops) == Some(Ordering::Less);
    }
    if !has_edge(reader.0, writer.0) {
        return true;
    }
    match compare(frame, writer, reader, scope) {
        Some(Ordering::Equal) => writer.0 < reader.0,
        order => order == Some(Ordering::Less),
    }
}

/// `Less`: the write's first date is before the read's. `None`: it depends.
fn compare(frame: &Frame, writer: (usize, &Access), reader: (usize, &Access), loops: &[usize]) -> Option<Ordering> {
    for &id in loops {
        let (least, most) = match (when(frame, writer, id)?, when(frame, reader, id)?) {
            (When::First(write), When::First(read)) => (read - write, read - write),
            (
                When::Follows { dim, numerator, denominator, lo, hi },
                When::Follows { dim: other, numerator: n, denominator: d, lo: read_lo, hi: read_hi },
            ) if dim == other && numerator * d == n * denominator => (read_lo - hi, read_hi - lo),
            _ => return None,
        };
        match (least.signum(), most.signum()) {
            (1, _) => return Some(Ordering::Less),
            (_, -1) => return Some(Ordering::Greater),
            (-1, _) => return None,
            _ => {}
        }
    }
    Some(Ordering::Equal)
}

fn when(frame: &Frame, (statement, access): (usize, &Access), id: usize) -> Option<When> {
    let attach = frame.attach(id, statement);
    let Some(iterator) = attach.iterator else { return Some(When::First(attach.shift)) };
    let extents = &frame.problem.statements[statement].extents;
    let mut found = None;
    for (dim, index) in access.index.iter().enumerate() {
        let Index::Linear { coefficients, constant } = index else { return None };
        let coefficient = coefficients[iterator];
        if coefficient == 0 {
            continue;
        }
        if found.is_some() {
            continue;
        }
        // element = coefficient·i + others + constant, so rate·i + shift = rate/coefficient·(element − others − constant) + shift.
        let (mut low, mut high) = (*constant, *constant);
        for (other, &c) in coefficients.iter().enumerate().filter(|(other, _)| *other != iterator) {
            low += (c * (extents[other] - 1)).min(0);
            high += (c * (extents[other] - 1)).max(0);
        }
        let ends = [low, high].map(|offset| (-offset * attach.rate).div_euclid(coefficient));
        let exact = low == high && (low * attach.rate) % coefficient == 0;
        let slack = i64::from(!exact);
        found = Some(When::Follows {
            dim,
            numerator: attach.rate * coefficient.signum(),
            denominator: coefficient.abs(),
            lo: ends[0].min(ends[1]) - slack + attach.shift,
            hi: ends[0].max(ends[1]) + slack + attach.shift,
        });
    }
    Some(found.unwrap_or(When::First(attach.shift)))
}
