//! Which programs does the language allow? Random ones over all of it, small enough to be run.
//!
//! Each index is shifted, or taken modulo, until the interval of its values lies inside what is known to be written, so
//! almost every program is valid by construction. What intervals cannot see is left to polyfuse's own diagnostics.

use std::fmt::Write;

/// A generator of small numbers, the same on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        dice.below(1);
        dice
    }

    pub fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) % sides as u64) as usize
    }

    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).max(1) as usize) as i64
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Names that a careless emitter would use itself, or that C keeps for itself, among plain ones.
const ARRAYS: [&str; 16] =
    ["A", "B", "C", "A_s", "it", "e0", "c0", "S0", "x0", "a0", "L0", "int", "workspace", "B_s2", "y0", "D"];
const ITERATORS: [&str; 12] = ["i", "j", "k", "l", "t", "h", "jt", "kt", "e1", "c1", "x1", "i2"];
const TYPES: [&str; 6] = ["f64", "f32", "f16", "bf16", "i32", "i8"];
/// Calls of one argument.
pub const CALLS: [&str; 9] = ["tanh", "sigmoid", "erf", "abs", "floor", "exp", "log", "sqrt", "rsqrt"];
/// Those of them whose every bit is the same in every C library.
pub const EXACT_CALLS: [&str; 4] = ["abs", "floor", "sqrt", "rsqrt"];
const UPDATES: [&str; 5] = ["+=", "-=", "*=", "max=", "min="];

/// Half open.
type Interval = (i64, i64);

struct Array {
    name: &'static str,
    role: &'static str,
    ty: &'static str,
    extents: Vec<i64>,
    /// A box of elements that hold values once the nests so far have run.
    written: Option<Vec<Interval>>,
}

/// An iterator in scope and the interval of its values.
#[derive(Clone)]
struct Variable {
    name: String,
    values: Interval,
}

/// The loops around a place, and the accesses that a statement before it in the same bodies has written.
#[derive(Clone, Default)]
struct Scope {
    variables: Vec<Variable>,
    fresh: Vec<String>,
}

/// The text of a random program that makes these calls.
pub fn program(seed: u64, calls: &'static [&'static str]) -> String {
    let mut dice = Dice::new(seed);
    let one_type = dice.chance(50).then(|| dice.pick(&TYPES));
    let params = [("N", dice.between(2, 9)), ("M", dice.between(1, 7))];
    let mut generator =
        Generator { dice, calls, one_type, params, arrays: Vec::new(), body: String::new(), names: ARRAYS.to_vec() };
    for _ in 0..generator.dice.between(1, 3) {
        generator.declare("input");
    }
    for _ in 0..generator.dice.between(0, 2) {
        generator.declare("inout");
    }
    let nests = generator.dice.between(1, 6);
    for _ in 0..nests {
        generator.nest();
    }
    generator.text()
}

struct Generator {
    dice: Dice,
    calls: &'static [&'static str],
    one_type: Option<&'static str>,
    params: [(&'static str, i64); 2],
    arrays: Vec<Array>,
    body: String,
    names: Vec<&'static str>,
}

impl Generator {
    fn text(&self) -> String {
        let mut text = String::new();
        let params: Vec<String> = self.params.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let _ = writeln!(text, "param {};", params.join(", "));
        for Array { name, role, ty, extents, .. } in &self.arrays {
            let dims: String = extents.iter().map(|e| format!("[{}]", self.size(*e))).collect();
            let _ = writeln!(text, "{role} {ty} {name}{dims};");
        }
        text + &self.body
    }

    /// A number, by the name of a parameter that has its value.
    fn size(&self, value: i64) -> String {
        let named = self.params.iter().find(|(_, v)| *v == value);
        named.map_or_else(|| value.to_string(), |(name, _)| name.to_string())
    }

    fn declare(&mut self, role: &'static str) -> usize {
        let place = self.dice.below(self.names.len());
        let name = self.names.remove(place);
        let ty = match self.one_type {
            Some(ty) => ty,
            None => self.dice.pick(&TYPES),
        };
        let rank = self.dice.pick(&[0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4]);
        let extents: Vec<i64> = (0..rank).map(|_| self.extent(rank)).collect();
        let written = matches!(role, "input" | "inout").then(|| extents.iter().map(|&e| (0, e)).collect());
        self.arrays.push(Array { name, role, ty, extents, written });
        self.arrays.len() - 1
    }

    fn extent(&mut self, rank: i64) -> i64 {
        if self.dice.chance(50) {
            let param = self.dice.below(2);
            return self.params[param].1;
        }
        self.dice.between(1, [9, 9, 9, 5, 3][rank as usize])
    }

    fn nest(&mut self) {
        let fresh = self.names.len() > 2;
        match self.dice.below(10) {
            0..=4 if fresh => self.define(),
            5 | 6 => self.recurrence(),
            7 => {
                let scope = Scope::default();
                let statement = self.assignment(&scope);
                self.body += &statement;
            }
            _ => {
                let text = self.bodies(&mut Scope::default(), 0);
                self.body += &text;
            }
        }
    }

    /// Nests that write a box of a new array, by one assignment or by a reduction; an epilogue may read it at once.
    fn define(&mut self) {
        let role = self.dice.pick(&["temp", "temp", "temp", "output"]);
        let array = self.declare(role);
        let extents = self.arrays[array].extents.clone();
        let mut within: Vec<Interval> = Vec::new();
        for &extent in &extents {
            let interior = extent > 2 && self.dice.chance(25);
            within.push(if interior { (1, extent - self.dice.between(0, 1)) } else { (0, extent) });
        }
        let mut order: Vec<usize> = (0..extents.len()).collect();
        if self.dice.chance(30) {
            order.reverse();
        }
        let mut scope = Scope::default();
        let (mut ranges, mut indices) = (Vec::new(), vec![String::new(); extents.len()]);
        for &d in &order {
            let (range, index, variable) = self.walk(within[d], &scope);
            ranges.push(range);
            indices[d] = index;
            scope.variables.push(variable);
        }
        let target = self.arrays[array].name.to_string() + &subscripts(&indices);
        let mut body = String::new();
        if self.dice.chance(45) {
            let start = if self.dice.chance(70) { self.number() } else { self.expression(&scope, 1) };
            let _ = writeln!(body, "{target} = {start};");
            let op = self.dice.pick(&UPDATES);
            body += &self.accumulate(&target, op, &mut scope.clone());
        } else {
            let _ = writeln!(body, "{target} = {};", self.expression(&scope, 2));
        }
        scope.fresh.push(target);
        if self.dice.chance(25) {
            body += &self.assignment(&scope);
        }
        let text = self.loops(&ranges, &body);
        self.body += &text;
        self.arrays[array].written = Some(within);
    }

    /// Loops around `target op= ..`.
    fn accumulate(&mut self, target: &str, op: &str, scope: &mut Scope) -> String {
        let mut ranges = Vec::new();
        for _ in 0..self.dice.between(1, 2) {
            let (range, variable) = self.range(scope);
            ranges.push(range);
            scope.variables.push(variable);
        }
        let mut body = format!("{target} {op} {};\n", self.expression(scope, 1));
        if self.dice.chance(15) {
            body = format!("if {} {{ {body} }}\n", self.condition(scope));
        }
        self.loops(&ranges, &body)
    }

    /// A loop that takes every value of an interval once: its range, and the value in terms of its iterator.
    fn walk(&mut self, (lo, hi): Interval, scope: &Scope) -> (String, String, Variable) {
        let name = self.iterator(scope);
        let (low, high) = (self.size(lo), self.size(hi));
        match self.dice.below(12) {
            0 => {
                let range = format!("{name} in {}..{} step 2", 2 * lo, 2 * hi);
                (range, format!("{name} / 2"), Variable { name, values: (2 * lo, 2 * hi) })
            }
            1 => {
                let index = format!("{} - {name}", hi - 1);
                (format!("{name} in 0..{}", hi - lo), index, Variable { name, values: (0, hi - lo) })
            }
            2 => {
                let index = format!("{name} + {lo}");
                (format!("{name} in 0..{}", hi - lo), index, Variable { name, values: (0, hi - lo) })
            }
            3 => {
                let range = format!("{name} in {}..{}", lo - 3, hi - 3);
                (range, format!("{name} + 3"), Variable { name, values: (lo - 3, hi - 3) })
            }
            _ => (format!("{name} in {low}..{high}"), name.clone(), Variable { name, values: (lo, hi) }),
        }
    }

    fn iterator(&mut self, scope: &Scope) -> String {
        loop {
            let name = self.dice.pick(&ITERATORS);
            if scope.variables.iter().all(|v| v.name != name) {
                return name.to_string();
            }
        }
    }

    /// Loops in one `for` or several.
    fn loops(&mut self, ranges: &[String], body: &str) -> String {
        if ranges.is_empty() {
            return body.to_string();
        }
        if self.dice.chance(70) {
            return format!("for {} {{\n{body}}}\n", ranges.join(", "));
        }
        ranges.iter().rev().fold(body.to_string(), |body, range| format!("for {range} {{\n{body}}}\n"))
    }

    /// A time loop over sweeps of an array in place.
    fn recurrence(&mut self) {
        let usable = |a: &Array| matches!(a.role, "inout" | "temp") && a.written.is_some() && !a.extents.is_empty();
        let candidates: Vec<usize> = (0..self.arrays.len()).filter(|&a| usable(&self.arrays[a])).collect();
        if candidates.is_empty() {
            return self.define();
        }
        let array = self.dice.pick(&candidates);
        let (name, within) = (self.arrays[array].name, self.arrays[array].written.clone().unwrap_or_default());
        let mut scope = Scope::default();
        let mut ranges = Vec::new();
        let time = self.dice.chance(70);
        if time {
            let name = self.iterator(&scope);
            let steps = self.dice.between(1, 4);
            ranges.push(format!("{name} in 0..{steps}"));
            scope.variables.push(Variable { name, values: (0, steps) });
        }
        let reach = self.dice.between(0, 1);
        let mut indices = Vec::new();
        for (lo, hi) in &within {
            let reach = if hi - lo > 2 * reach { reach } else { 0 };
            let walked = (lo + reach, hi - reach);
            let (range, index, variable) = self.walk(walked, &scope);
            ranges.push(range);
            scope.variables.push(variable);
            indices.push(index);
        }
        let mut terms = vec![format!("{name}{}", subscripts(&indices))];
        for d in 0..within.len() {
            if reach > 0 && within[d].1 - within[d].0 > 2 && self.dice.chance(60) {
                let mut moved = indices.clone();
                moved[d] = format!("{} {} 1", moved[d], self.dice.pick(&["+", "-"]));
                terms.push(format!("{name}{}", subscripts(&moved)));
            }
        }
        let more = self.expression(&scope, 1);
        let body = match self.dice.below(3) {
            0 => format!("{} += 0.5 * ({});\n", terms[0], more),
            _ => format!("{} = 0.25 * ({} + {more});\n", terms[0], terms.join(" + ")),
        };
        let text = self.loops(&ranges, &body);
        self.body += &text;
    }

    /// Statements of any kind.
    fn bodies(&mut self, scope: &mut Scope, depth: usize) -> String {
        let mut text = String::new();
        for _ in 0..self.dice.between(1, if depth == 0 { 1 } else { 2 }) {
            text += &match self.dice.below(10) {
                0..=4 if depth < 3 => self.a_loop(scope, depth),
                5 | 6 if depth > 0 && depth < 4 => self.guarded(scope, depth),
                _ => self.assignment(scope),
            };
        }
        text
    }

    fn a_loop(&mut self, scope: &mut Scope, depth: usize) -> String {
        let (known, fresh) = (scope.variables.len(), scope.fresh.len());
        let mut ranges = Vec::new();
        for _ in 0..self.dice.between(1, 2) {
            let (range, variable) = self.range(scope);
            ranges.push(range);
            scope.variables.push(variable);
        }
        let body = self.bodies(scope, depth + ranges.len());
        scope.variables.truncate(known);
        scope.fresh.truncate(fresh);
        self.loops(&ranges, &body)
    }

    fn guarded(&mut self, scope: &mut Scope, depth: usize) -> String {
        let fresh = scope.fresh.len();
        let condition = self.condition(scope);
        let then = self.bodies(scope, depth + 1);
        scope.fresh.truncate(fresh);
        if self.dice.chance(50) {
            return format!("if {condition} {{\n{then}}}\n");
        }
        if depth < 4 && self.dice.chance(20) {
            let further = self.guarded(scope, depth + 1);
            return format!("if {condition} {{\n{then}}} else {further}");
        }
        let orelse = self.bodies(scope, depth + 1);
        scope.fresh.truncate(fresh);
        format!("if {condition} {{\n{then}}} else {{\n{orelse}}}\n")
    }

    /// Triangular, clipped, stepped, or plain.
    fn range(&mut self, scope: &Scope) -> (String, Variable) {
        let name = self.iterator(scope);
        let (low, lo) = match self.dice.below(8) {
            0 | 1 => self.affine(scope),
            2 => self.clipped("max", scope),
            _ => plain(self.dice.between(0, 1)),
        };
        let (mut high, mut hi) = match self.dice.below(8) {
            0 => self.affine(scope),
            1 => self.clipped("min", scope),
            _ => {
                let extent = self.extent(1).min(6);
                plain(extent)
            }
        };
        if hi.1 - lo.0 > 9 {
            let most = lo.0 + 8;
            (high, hi) = (format!("min({high}, {most})"), (hi.0.min(most), hi.1.min(most + 1)));
        }
        let step = if self.dice.chance(15) { format!(" step {}", self.dice.between(2, 3)) } else { String::new() };
        let values = (lo.0, (hi.1 - 1).max(lo.0 + 1));
        (format!("{name} in {low}..{high}{step}"), Variable { name, values })
    }

    fn clipped(&mut self, word: &str, scope: &Scope) -> (String, Interval) {
        let ((a, x), (b, y)) = (self.affine(scope), self.affine(scope));
        let values = match word {
            "max" => (x.0.max(y.0), x.1.max(y.1)),
            _ => (x.0.min(y.0), x.1.min(y.1)),
        };
        (format!("{word}({a}, {b})"), values)
    }

    /// An affine expression with the interval of its values.
    fn affine(&mut self, scope: &Scope) -> (String, Interval) {
        if scope.variables.is_empty() || self.dice.chance(10) {
            let value = self.dice.between(0, 6);
            return (self.size(value), (value, value + 1));
        }
        let x = self.variable(scope);
        let y = self.variable(scope);
        let ((a, b), (c, d)) = (x.values, y.values);
        let (x, y) = (x.name, y.name);
        let k = self.dice.between(2, 3);
        match self.dice.below(16) {
            0 => (format!("{x} + {y}"), (a + c, b + d - 1)),
            1 => (format!("{x} - {y}"), (a - d + 1, b - c)),
            2 => (format!("{k} * {x}"), (k * a, k * (b - 1) + 1)),
            3 => (format!("-{x}"), (1 - b, 1 - a)),
            4 => (format!("{x} / {k}"), (a.div_euclid(k), (b - 1).div_euclid(k) + 1)),
            5 => (format!("{x} % {k}"), (0, k)),
            6 => (format!("({x} + {y}) / 2"), ((a + c).div_euclid(2), (b + d - 2).div_euclid(2) + 1)),
            7 => (format!("2 * {x} - {y}"), (2 * a - d + 1, 2 * (b - 1) - c + 1)),
            8 => (format!("{x} + 1"), (a + 1, b + 1)),
            9 => (format!("{x} - 1"), (a - 1, b - 1)),
            _ => (x, (a, b)),
        }
    }

    fn variable(&mut self, scope: &Scope) -> Variable {
        let place = self.dice.below(scope.variables.len());
        scope.variables[place].clone()
    }

    /// An index whose values lie in an interval.
    fn index(&mut self, scope: &Scope, (lo, hi): Interval) -> String {
        for _ in 0..6 {
            let (text, (a, b)) = self.affine(scope);
            if b - a <= hi - lo {
                let shift = self.dice.between(lo - a, hi - b);
                return match shift {
                    0 => text,
                    1.. => format!("{text} + {shift}"),
                    _ => format!("{text} - {}", -shift),
                };
            }
        }
        if self.dice.chance(40) {
            let (text, _) = self.affine(scope);
            return format!("({text}) % {} + {lo}", hi - lo);
        }
        self.dice.between(lo, hi - 1).to_string()
    }

    fn element(&mut self, array: usize, scope: &Scope, within: &[Interval]) -> String {
        let indices: Vec<String> = within.iter().map(|&interval| self.index(scope, interval)).collect();
        self.arrays[array].name.to_string() + &subscripts(&indices)
    }

    /// A statement that writes an array that is no input.
    fn assignment(&mut self, scope: &Scope) -> String {
        let updated = |a: &Array| a.role != "input" && a.written.is_some();
        let old: Vec<usize> = (0..self.arrays.len()).filter(|&a| updated(&self.arrays[a])).collect();
        let value = self.expression(scope, 2);
        if !old.is_empty() && self.dice.chance(50) {
            let array = self.dice.pick(&old);
            let within = self.arrays[array].written.clone().unwrap_or_default();
            let op = self.dice.pick(&UPDATES);
            return format!("{} {op} {value};\n", self.element(array, scope, &within));
        }
        let others: Vec<usize> = (0..self.arrays.len()).filter(|&a| self.arrays[a].role != "input").collect();
        let array = match others.is_empty() {
            true => {
                let role = self.dice.pick(&["output", "temp"]);
                self.declare(role)
            }
            false => self.dice.pick(&others),
        };
        let extents: Vec<Interval> = self.arrays[array].extents.iter().map(|&e| (0, e)).collect();
        let label = if self.dice.chance(5) { format!("L{}: ", self.body.len()) } else { String::new() };
        format!("{label}{} = {value};\n", self.element(array, scope, &extents))
    }

    fn condition(&mut self, scope: &Scope) -> String {
        let (left, (a, b)) = self.affine(scope);
        let middle = self.dice.between(a, b);
        let one = match self.dice.below(6) {
            0 => format!("{left} == {middle}"),
            1 => format!("{left} != {middle}"),
            2 => format!("{} <= {left} < {}", middle - 2, middle + 2),
            3 => format!("({left}) % 2 == {}", self.dice.between(0, 1)),
            _ => format!("{left} {} {middle}", self.dice.pick(&["<", "<=", ">", ">="])),
        };
        match self.dice.below(8) {
            0 => format!("{one} && {}", self.condition(scope)),
            1 => format!("{one} || {}", self.condition(scope)),
            2 => format!("!({one})"),
            _ => one,
        }
    }

    fn number(&mut self) -> String {
        self.dice.pick(&["0", "1", "2", "0.5", "-1", "1.25", "0", "1", "2", "0.5", "-1", "-inf"]).to_string()
    }

    fn read(&mut self, scope: &Scope) -> String {
        if !scope.fresh.is_empty() && self.dice.chance(50) {
            let place = self.dice.below(scope.fresh.len());
            return scope.fresh[place].clone();
        }
        let known: Vec<usize> = (0..self.arrays.len()).filter(|&a| self.arrays[a].written.is_some()).collect();
        // Late arrays more often: that makes chains.
        let at = self.dice.below(known.len()).max(self.dice.below(known.len()));
        let within = self.arrays[known[at]].written.clone().unwrap_or_default();
        self.element(known[at], scope, &within)
    }

    fn expression(&mut self, scope: &Scope, depth: usize) -> String {
        let part = |this: &mut Generator| this.expression(scope, depth.saturating_sub(1));
        if depth == 0 || self.dice.chance(20) {
            return match self.dice.below(10) {
                0 => self.number(),
                1 if !scope.variables.is_empty() => self.variable(scope).name,
                2 if self.dice.chance(30) => self.params[0].0.to_string(),
                _ => self.read(scope),
            };
        }
        match self.dice.below(12) {
            0 => format!("select({}, {}, {})", self.comparisons(scope), part(self), part(self)),
            1 => match self.calls.len() == CALLS.len() && self.dice.chance(10) {
                true => format!("pow({}, {})", part(self), part(self)),
                false => format!("{}({})", self.dice.pick(self.calls), part(self)),
            },
            2 => {
                let parts: Vec<String> = (0..self.dice.between(2, 3)).map(|_| part(self)).collect();
                format!("{}({})", self.dice.pick(&["max", "min"]), parts.join(", "))
            }
            3 => format!("-({})", part(self)),
            4 => format!("{} / 4", part(self)),
            5 | 6 => format!("({} - {})", part(self), part(self)),
            7 => format!("({} * {})", part(self), part(self)),
            8 => format!("({} + {} + {})", part(self), part(self), part(self)),
            _ => format!("({} + {})", part(self), part(self)),
        }
    }

    /// A condition over values.
    fn comparisons(&mut self, scope: &Scope) -> String {
        let (left, right) = (self.expression(scope, 0), self.expression(scope, 0));
        let one = format!("{left} {} {right}", self.dice.pick(&["<", "<=", ">", ">=", "==", "!="]));
        match self.dice.below(12) {
            0 => format!("{one} && {}", self.comparisons(scope)),
            1 => format!("{one} || {}", self.comparisons(scope)),
            2 => format!("!({one})"),
            3 => format!("{one} < 2"),
            _ => one,
        }
    }
}

fn plain(value: i64) -> (String, Interval) {
    (value.to_string(), (value, value + 1))
}

fn subscripts(indices: &[String]) -> String {
    indices.iter().map(|index| format!("[{index}]")).collect()
}
