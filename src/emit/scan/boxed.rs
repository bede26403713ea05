//! How are points visited that no loops tell? By loops over a box around them, and a guard inside that knows quotients.
//!
//! The last resort, where isl's generator fails: it can lose what a quotient stands for.

use super::{Leaf, Order, Piece, Place, loop_name, node};
use crate::emit::rows::{Levels, Projected};
use crate::isl::{Expr, Node, Op, Result, Row};

/// The loops over a box for each leaf; `None` where a piece has a column that is no quotient, or dates have no common shape.
///
/// # Errors
/// When isl's budget runs out.
pub(super) fn boxed(leaves: &[Leaf]) -> Result<Option<Node>> {
    let mut pieces = Vec::new();
    for leaf in leaves {
        match piece(leaf)? {
            Some(piece) => pieces.push(piece),
            None if leaf.set.is_empty()? => {}
            None => return Ok(None),
        }
    }
    let pieces: Vec<&Piece> = pieces.iter().collect();
    Ok(node(&pieces, Place::default(), &Levels::default()))
}

fn piece(leaf: &Leaf) -> Result<Option<Piece<'_>>> {
    let dims = leaf.set.n_dim()?;
    let Some(order) = Order::of(leaf, dims) else { return Ok(None) };
    let mut around = Vec::new();
    for k in 0..dims {
        let (Some(least), Some(most)) = (leaf.set.dim_min(k)?, leaf.set.dim_max(k)?) else { return Ok(None) };
        for (sign, constant) in [(1, least.saturating_neg()), (-1, most)] {
            let mut coefficients = vec![0; dims];
            coefficients[k] = sign;
            around.push(Row { is_equality: false, coefficients, constant });
        }
    }
    let Projected::Levels(rows) = Levels::project(order.over_loops(around), dims) else { return Ok(None) };
    let pieces = leaf.set.pieces()?.into_iter().map(|rows| conditions(&order.over_loops(rows), dims));
    let alternatives = pieces.collect::<Option<Vec<_>>>();
    Ok(alternatives.map(|alternatives| Piece { leaf, loops: order.loops, rows, alternatives }))
}

/// What the points of some rows over `loops` loops satisfy; `None` where a column beyond them is no quotient.
fn conditions(rows: &[Row], loops: usize) -> Option<Vec<Expr>> {
    let columns = rows.iter().map(|row| row.coefficients.len()).max().unwrap_or(loops);
    let quotients = (loops..columns).map(|q| Quotient::of(rows, q)).collect::<Option<Vec<_>>>()?;
    let values = Values { loops, quotients };
    let is_definition = |n: &usize| values.quotients.iter().any(|q| q.rows.contains(n));
    (0..rows.len()).filter(|n| !is_definition(n)).map(|n| values.condition(&rows[n])).collect()
}

/// Column `q` is the floor of `numerator / divisor`.
struct Quotient {
    numerator: Row,
    divisor: i64,
    /// The two rows that say so.
    rows: [usize; 2],
}

impl Quotient {
    /// `0 <= e - m·q` and `e - m·q <= m - 1`
    fn of(rows: &[Row], q: usize) -> Option<Quotient> {
        let is_opposite = |a: &Row, b: &Row| a.coefficients.iter().zip(&b.coefficients).all(|(a, b)| *a == -b);
        let lower = rows.iter().enumerate().filter(|(_, row)| !row.is_equality && row.coefficients[q] < 0);
        lower.flat_map(|low| rows.iter().enumerate().map(move |high| (low, high))).find_map(|((l, low), (h, high))| {
            let divisor = -low.coefficients[q];
            let is_pair = !high.is_equality && is_opposite(low, high) && low.constant + high.constant == divisor - 1;
            is_pair.then(|| {
                let mut numerator = low.clone();
                numerator.coefficients[q] = 0;
                Quotient { numerator, divisor, rows: [l, h] }
            })
        })
    }
}

/// What the columns of rows stand for.
struct Values {
    loops: usize,
    quotients: Vec<Quotient>,
}

impl Values {
    fn condition(&self, row: &Row) -> Option<Expr> {
        let op = if row.is_equality { Op::Eq } else { Op::Ge };
        Some(Expr::Op(op, vec![self.sum(row, self.quotients.len())?, Expr::Int(0)]))
    }

    /// A quotient is made of at most `depth` others, one inside the other.
    fn sum(&self, row: &Row, depth: usize) -> Option<Expr> {
        let named = row.coefficients.iter().enumerate().filter(|(_, c)| **c != 0);
        let mut terms = named
            .map(|(k, &c)| Some(Expr::Op(Op::Mul, vec![Expr::Int(c), self.column(k, depth)?])))
            .collect::<Option<Vec<_>>>()?;
        terms.push(Expr::Int(row.constant));
        terms.into_iter().reduce(|a, b| Expr::Op(Op::Add, vec![a, b]))
    }

    fn column(&self, k: usize, depth: usize) -> Option<Expr> {
        let Some(at) = k.checked_sub(self.loops) else { return Some(Expr::Name(loop_name(k))) };
        let Quotient { numerator, divisor, .. } = &self.quotients[at];
        Some(Expr::Op(Op::FloorDiv, vec![self.sum(numerator, depth.checked_sub(1)?)?, Expr::Int(*divisor)]))
    }
}
