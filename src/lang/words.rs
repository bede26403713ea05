//! How are the fixed words of the language spelled? One table, for reading and for printing.

use super::ast::{AssignOp, BinaryOp, Call, Comparison, Direction, Role, Type};

const ROLES: [(Role, &str); 5] = [
    (Role::Input, "input"),
    (Role::Output, "output"),
    (Role::Inout, "inout"),
    (Role::Temp, "temp"),
    (Role::Scratch, "scratch"),
];

const TYPES: [(Type, &str); 6] = [
    (Type::F64, "f64"),
    (Type::F32, "f32"),
    (Type::F16, "f16"),
    (Type::Bf16, "bf16"),
    (Type::I32, "i32"),
    (Type::I8, "i8"),
];

const CALLS: [(Call, &str); 12] = [
    (Call::Exp, "exp"),
    (Call::Log, "log"),
    (Call::Sqrt, "sqrt"),
    (Call::Rsqrt, "rsqrt"),
    (Call::Tanh, "tanh"),
    (Call::Sigmoid, "sigmoid"),
    (Call::Erf, "erf"),
    (Call::Abs, "abs"),
    (Call::Floor, "floor"),
    (Call::Pow, "pow"),
    (Call::Max, "max"),
    (Call::Min, "min"),
];

const OTHERS: [&str; 10] = ["param", "for", "in", "step", "if", "else", "load", "store", "select", "inf"];

/// Whether a word of the grammar, a type or a call, so that nothing can be named so.
pub fn is_reserved(word: &str) -> bool {
    role_named(word).is_some() || type_named(word).is_some() || call_named(word).is_some() || OTHERS.contains(&word)
}

pub fn role_named(word: &str) -> Option<Role> {
    named(&ROLES, word)
}

pub fn type_named(word: &str) -> Option<Type> {
    named(&TYPES, word)
}

pub fn call_named(word: &str) -> Option<Call> {
    named(&CALLS, word)
}

fn named<T: Copy>(table: &[(T, &str)], word: &str) -> Option<T> {
    table.iter().find(|(_, name)| *name == word).map(|(meant, _)| *meant)
}

fn name_of<T: PartialEq>(table: &[(T, &'static str)], meant: T) -> &'static str {
    table.iter().find(|(each, _)| *each == meant).map_or("", |(_, name)| name)
}

impl Role {
    pub fn word(self) -> &'static str {
        name_of(&ROLES, self)
    }
}

impl Type {
    pub fn word(self) -> &'static str {
        name_of(&TYPES, self)
    }
}

impl Call {
    pub fn word(self) -> &'static str {
        name_of(&CALLS, self)
    }
}

impl Direction {
    pub fn word(self) -> &'static str {
        match self {
            Direction::Load => "load",
            Direction::Store => "store",
        }
    }
}

impl AssignOp {
    pub fn symbol(self) -> &'static str {
        match self {
            AssignOp::Set => "=",
            AssignOp::Add => "+=",
            AssignOp::Sub => "-=",
            AssignOp::Mul => "*=",
            AssignOp::Max => "max=",
            AssignOp::Min => "min=",
        }
    }
}

impl BinaryOp {
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
        }
    }
}

impl Comparison {
    pub fn symbol(self) -> &'static str {
        match self {
            Comparison::Lt => "<",
            Comparison::Le => "<=",
            Comparison::Gt => ">",
            Comparison::Ge => ">=",
            Comparison::Eq => "==",
            Comparison::Ne => "!=",
        }
    }
}
