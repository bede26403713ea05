//! Which loops run a schedule? isl's AST generator, and its answer as plain values.
//!
//! The binding leaves the generator out, so this file declares the functions itself; they are linked from the library that
//! the binding builds. This is the crate's only unsafe code. Each block is sound because every pointer passed is a live object of
//! the same context, every function that takes an argument (isl's `__isl_take`) gets a fresh copy that the wrapper has
//! been told not to free, and every result is given to a wrapper at once, or checked for NULL.

use super::{Context, IslError, Result, UnionMap};
use isl_rs::{ASTExpr, ASTNode};

unsafe extern "C" {
    fn isl_ast_build_from_context(set: usize) -> usize;
    fn isl_ast_build_free(build: usize) -> usize;
    fn isl_ast_build_set_options(build: usize, options: usize) -> usize;
    fn isl_ast_build_node_from_schedule_map(build: usize, schedule: usize) -> usize;
    fn isl_ast_node_get_type(node: usize) -> i32;
    fn isl_options_set_ast_build_atomic_upper_bound(ctx: usize, value: i32) -> i32;
    fn isl_options_set_ast_build_prefer_pdiv(ctx: usize, value: i32) -> i32;
    fn isl_options_set_ast_build_detect_min_max(ctx: usize, value: i32) -> i32;
    fn isl_options_set_ast_build_exploit_nested_bounds(ctx: usize, value: i32) -> i32;
}

/// A loop program over the points of a schedule's domain.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `for (iterator = init; condition; iterator += step) body`; a degenerate loop runs once, at `init`.
    For {
        iterator: String,
        init: Expr,
        condition: Expr,
        step: i64,
        degenerate: bool,
        body: Box<Node>,
    },
    If {
        condition: Expr,
        then: Box<Node>,
        orelse: Option<Box<Node>>,
    },
    Block(Vec<Node>),
    /// The instance `name[arguments]` of a domain.
    User {
        name: String,
        arguments: Vec<Expr>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Int(i64),
    Name(String),
    Op(Op, Vec<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    And,
    Or,
    Max,
    Min,
    Minus,
    Add,
    Sub,
    Mul,
    /// Exact division.
    Div,
    /// Floor division.
    FloorDiv,
    /// The remainder, of which only whether it is zero counts.
    ZeroMod,
    /// The non-negative remainder.
    Mod,
    /// `condition ? then : else`
    Select,
    Eq,
    Le,
    Lt,
    Ge,
    Gt,
}

pub(super) fn set_options(ctx: &isl_rs::Context) {
    // SAFETY: the context is live; these setters keep no pointer.
    unsafe {
        isl_options_set_ast_build_atomic_upper_bound(ctx.ptr, 1);
        isl_options_set_ast_build_prefer_pdiv(ctx.ptr, 1);
        isl_options_set_ast_build_detect_min_max(ctx.ptr, 1);
        isl_options_set_ast_build_exploit_nested_bounds(ctx.ptr, 1);
    }
}

pub(super) fn generate(ctx: &Context, dates: &UnionMap) -> Result<Node> {
    let depth = dates.maps()?.first().map_or(Ok(0), |m| m.n_out())?;
    let text = options_text(depth);
    let node = ctx.call(|c| {
        let parameters = isl_rs::Set::read_from_str(c, "{ : }")?;
        let options = isl_rs::UnionMap::read_from_str(c, &text)?;
        let schedule = dates.raw.copy()?;
        let [parameters, options, schedule] = [release_set(parameters), release_map(options), release_map(schedule)];
        // SAFETY: the three objects are live and owned here; the callees take them, the build is freed once.
        let node = unsafe {
            let build = isl_ast_build_set_options(isl_ast_build_from_context(parameters), options);
            let node = isl_ast_build_node_from_schedule_map(build, schedule);
            isl_ast_build_free(build);
            node
        };
        let node = ASTNode { ptr: node, should_free_on_drop: node != 0 };
        match (node.ptr, c.last_error()) {
            (0, _) => Err(isl_rs::LibISLError::new(isl_rs::Error::Unknown, c.last_error_msg().to_string())),
            _ => Ok(node),
        }
    })?;
    convert(ctx, &node)
}

/// One loop for each dimension, never split: guards inside cost less to read than copies of the body.
fn options_text(depth: usize) -> String {
    let dims: Vec<String> = (0..depth).map(|d| format!("d{d}")).collect();
    format!("{{ [{}] -> atomic[x] : 0 <= x < {} }}", dims.join(","), depth.max(1))
}

fn release_set(mut set: isl_rs::Set) -> usize {
    set.should_free_on_drop = false;
    set.ptr
}

fn release_map(mut map: isl_rs::UnionMap) -> usize {
    map.should_free_on_drop = false;
    map.ptr
}

fn convert(ctx: &Context, node: &ASTNode) -> Result<Node> {
    if node.ptr == 0 {
        return Err(IslError("no node".into()));
    }
    // SAFETY: the node is live. The binding's own getter numbers the kinds one too low.
    match unsafe { isl_ast_node_get_type(node.ptr) } {
        1 => convert_for(ctx, node),
        2 => {
            let condition = expr(ctx, &ctx.call(|_| node.if_get_cond())?)?;
            let then = convert(ctx, &ctx.call(|_| node.if_get_then_node())?)?;
            let orelse = match ctx.call(|_| node.if_has_else_node())? {
                true => Some(Box::new(convert(ctx, &ctx.call(|_| node.if_get_else_node())?)?)),
                false => None,
            };
            Ok(Node::If { condition, then: Box::new(then), orelse })
        }
        3 => {
            let list = ctx.call(|_| node.block_get_children())?;
            let n = ctx.call(|_| list.size())?;
            (0..n).map(|at| convert(ctx, &ctx.call(|_| list.get_at(at))?)).collect::<Result<_>>().map(Node::Block)
        }
        5 => {
            let call = ctx.call(|_| node.user_get_expr())?;
            let mut parts = arguments(ctx, &call)?.into_iter();
            match parts.next() {
                Some(Expr::Name(name)) => Ok(Node::User { name, arguments: parts.collect() }),
                _ => Err(IslError("a leaf without a name".into())),
            }
        }
        kind => Err(IslError(format!("an unexpected node of kind {kind}"))),
    }
}

fn convert_for(ctx: &Context, node: &ASTNode) -> Result<Node> {
    let Expr::Name(iterator) = expr(ctx, &ctx.call(|_| node.for_get_iterator())?)? else {
        return Err(IslError("a loop without an iterator".into()));
    };
    let init = expr(ctx, &ctx.call(|_| node.for_get_init())?)?;
    let degenerate = ctx.call(|_| node.for_is_degenerate())?;
    let body = Box::new(convert(ctx, &ctx.call(|_| node.for_get_body())?)?);
    if degenerate {
        return Ok(Node::For { iterator, init, condition: Expr::Int(1), step: 1, degenerate, body });
    }
    let condition = expr(ctx, &ctx.call(|_| node.for_get_cond())?)?;
    let Expr::Int(step) = expr(ctx, &ctx.call(|_| node.for_get_inc())?)? else {
        return Err(IslError("a loop without a constant step".into()));
    };
    Ok(Node::For { iterator, init, condition, step, degenerate, body })
}

fn arguments(ctx: &Context, e: &ASTExpr) -> Result<Vec<Expr>> {
    let n = ctx.call(|_| e.op_get_n_arg())?;
    (0..n).map(|at| expr(ctx, &ctx.call(|_| e.op_get_arg(at))?)).collect()
}

fn expr(ctx: &Context, e: &ASTExpr) -> Result<Expr> {
    use isl_rs::{ASTExprOpType as T, ASTExprType};
    match ctx.call(|_| e.get_type())? {
        ASTExprType::Int => ctx.call(|_| e.int_get_val()?.get_num_si()).map(Expr::Int),
        ASTExprType::Id => ctx.call(|_| Ok(e.id_get_id()?.get_name()?.to_owned())).map(Expr::Name),
        ASTExprType::Op => {
            let op = match ctx.call(|_| e.op_get_type())? {
                T::And | T::AndThen => Op::And,
                T::Or | T::OrElse => Op::Or,
                T::Max => Op::Max,
                T::Min => Op::Min,
                T::Minus => Op::Minus,
                T::Add => Op::Add,
                T::Sub => Op::Sub,
                T::Mul => Op::Mul,
                T::Div => Op::Div,
                T::FdivQ | T::PdivQ => Op::FloorDiv,
                T::PdivR => Op::Mod,
                T::ZdivR => Op::ZeroMod,
                T::Cond | T::Select => Op::Select,
                T::Eq => Op::Eq,
                T::Le => Op::Le,
                T::Lt => Op::Lt,
                T::Ge => Op::Ge,
                T::Gt => Op::Gt,
                T::Call => return Err(IslError("a call inside an expression".into())),
                other => return Err(IslError(format!("an unexpected operation {}", other.to_i32()))),
            };
            arguments(ctx, e).map(|args| Expr::Op(op, args))
        }
        ASTExprType::Error => Err(IslError("an expression in error".into())),
    }
}
