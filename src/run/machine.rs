//! How is compiled code executed?

use super::affine::Form;
use super::arithmetic::{Arithmetic, Kind};
use super::code::{Access, Assign, Code, Move, Node, Op, Origin};
use super::fault::{Fault, Place};
use super::memory::{Memory, State};
use super::observe::Observer;

/// Loop iterations that a run may take for each statement instance, so that empty loops end too.
const ITERATIONS_AN_INSTANCE: u64 = 64;

pub(super) struct Machine<'o, A: Arithmetic, O: Observer> {
    memory: Memory<A>,
    observer: &'o mut O,
    iterators: Vec<i64>,
    registers: Vec<A::Value>,
    /// The place in its array of each of a statement's accesses.
    offsets: Vec<usize>,
    /// Statement instances so far.
    time: u64,
    max_instances: u64,
    iterations_left: u64,
}

/// Boxed, so that what every statement returns is one word.
type Outcome<T> = Result<T, Box<Fault>>;

impl<'o, A: Arithmetic, O: Observer> Machine<'o, A, O> {
    pub(super) fn new(memory: Memory<A>, code: &Code<A::Value>, observer: &'o mut O, max_instances: u64) -> Self {
        Machine {
            memory,
            observer,
            iterators: vec![0; code.slots],
            registers: vec![A::truth(false); code.registers],
            offsets: vec![0; code.accesses],
            time: 0,
            max_instances,
            iterations_left: max_instances.saturating_mul(ITERATIONS_AN_INSTANCE).saturating_add(1 << 20),
        }
    }

    pub(super) fn run(mut self, code: &Code<A::Value>) -> Result<Memory<A>, Fault> {
        self.nodes(&code.nodes).map_err(|fault| *fault)?;
        Ok(self.memory)
    }

    fn nodes(&mut self, nodes: &[Node<A::Value>]) -> Outcome<()> {
        for node in nodes {
            match node {
                Node::Loop { slot, lo, hi, step, body } => self.repeat(*slot, lo, hi, *step, body)?,
                Node::If { test, then, orelse } => {
                    let branch = if test.holds(&self.iterators) { then } else { orelse };
                    self.nodes(branch)?;
                }
                Node::Assign(assign) => self.assign(assign)?,
                Node::Move(one) => self.transfer(one)?,
            }
        }
        Ok(())
    }

    fn repeat(&mut self, slot: usize, lo: &Form, hi: &Form, step: i64, body: &[Node<A::Value>]) -> Outcome<()> {
        let (lo, hi) = (lo.at(&self.iterators), hi.at(&self.iterators));
        if body.is_empty() || lo >= hi {
            return Ok(());
        }
        let (mut value, hi) = (clamp(lo), clamp(hi));
        while value < hi {
            if self.iterations_left == 0 {
                return Err(self.out_of_budget());
            }
            self.iterations_left -= 1;
            self.iterators[slot] = value;
            self.nodes(body)?;
            match value.checked_add(step) {
                Some(next) => value = next,
                None => break,
            }
        }
        Ok(())
    }

    fn tick(&mut self) -> Outcome<u64> {
        let now = self.time;
        if now >= self.max_instances {
            return Err(self.out_of_budget());
        }
        self.time += 1;
        Ok(now)
    }

    #[cold]
    fn out_of_budget(&self) -> Box<Fault> {
        Box::new(Fault::Budget { max_instances: self.max_instances })
    }

    #[inline]
    fn offset(&self, access: &Access, origin: &Origin) -> Outcome<usize> {
        let mut offset = 0;
        for dim in &access.dims {
            let index = dim.index.at(&self.iterators);
            if index < 0 || index >= i128::from(dim.extent) {
                return Err(self.out_of_bounds(access, origin));
            }
            offset += index as usize * dim.stride;
        }
        Ok(offset)
    }

    #[cold]
    fn out_of_bounds(&self, access: &Access, origin: &Origin) -> Box<Fault> {
        let indices = access.dims.iter().map(|dim| dim.index.at(&self.iterators)).collect();
        let array = self.memory.arrays[access.array].name.clone();
        Box::new(Fault::OutOfBounds { array, indices, place: self.place(origin) })
    }

    #[cold]
    fn undefined(&self, access: &Access, offset: usize, origin: &Origin) -> Box<Fault> {
        let array = &self.memory.arrays[access.array];
        let (array, indices) = (array.name.clone(), array.indices(offset));
        Box::new(Fault::Undefined { array, indices, place: self.place(origin) })
    }

    fn place(&self, origin: &Origin) -> Place {
        let iterators = origin.iterators.iter().cloned().zip(self.iterators.iter().copied()).collect();
        Place { statement: origin.statement.clone(), iterators, span: origin.span }
    }

    fn assign(&mut self, assign: &Assign<A::Value>) -> Outcome<()> {
        let now = self.tick()?;
        for (n, access) in assign.accesses.iter().enumerate() {
            self.offsets[n] = self.offset(access, &assign.origin)?;
        }
        for (register, op) in assign.ops.iter().enumerate() {
            self.registers[register] = match op {
                Op::Read(n) => self.read(assign, *n, now)?,
                op => self.value(op),
            };
        }
        let (target, offset) = (&assign.accesses[0], self.offsets[0]);
        self.observer.wrote(target.array, offset, now);
        let value = self.registers[assign.ops.len() - 1];
        let array = &mut self.memory.arrays[target.array];
        array.cells[offset] = A::put(target.ty, assign.kind, value);
        array.states[offset] = State::Defined;
        Ok(())
    }

    #[inline]
    fn read(&mut self, assign: &Assign<A::Value>, n: usize, now: u64) -> Outcome<A::Value> {
        let (access, offset) = (&assign.accesses[n], self.offsets[n]);
        let array = &self.memory.arrays[access.array];
        if array.states[offset] != State::Defined {
            return Err(self.undefined(access, offset, &assign.origin));
        }
        self.observer.read(access.array, offset, now);
        Ok(A::get(access.ty, array.cells[offset]))
    }

    #[inline]
    fn value(&self, op: &Op<A::Value>) -> A::Value {
        let at = |register: usize| self.registers[register];
        let is_true = |register: usize| A::is_true(self.registers[register]);
        match *op {
            Op::Constant(value) => value,
            Op::Iterator(slot) => A::iterator(self.iterators[slot]),
            Op::Whole(ref form) => A::iterator(i64::try_from(form.at(&self.iterators)).unwrap_or(i64::MAX)),
            // Reads can fault and are done by the caller.
            Op::Read(_) => A::truth(false),
            Op::Convert { from, to, a } => A::convert(from, to, at(a)),
            Op::Negate { kind, a } => A::negate(kind, at(a)),
            Op::Binary { op, kind, a, b } => A::binary(op, kind, at(a), at(b)),
            Op::UnaryCall { call, kind, a } => A::unary_call(call, kind, at(a)),
            Op::BinaryCall { call, kind, a, b } => A::binary_call(call, kind, at(a), at(b)),
            Op::Compare { comparison, kind, a, b } => A::truth(A::compare(comparison, kind, at(a), at(b))),
            Op::And(a, b) => A::truth(is_true(a) && is_true(b)),
            Op::Or(a, b) => A::truth(is_true(a) || is_true(b)),
            Op::Not(a) => A::truth(!is_true(a)),
            Op::Select { condition, then, orelse } => at(if is_true(condition) { then } else { orelse }),
            Op::Wrap { op, ty, a, kind, b } => A::wrap(op, ty, at(a), kind, at(b)),
        }
    }

    /// Copies an element with what is known of it: an undefined one stays undefined.
    fn transfer(&mut self, one: &Move) -> Outcome<()> {
        let now = self.tick()?;
        let (from, to) = (self.offset(&one.source, &one.origin)?, self.offset(&one.target, &one.origin)?);
        self.observer.read(one.source.array, from, now);
        self.observer.wrote(one.target.array, to, now);
        let source = &self.memory.arrays[one.source.array];
        let (mut cell, state) = (source.cells[from], source.states[from]);
        if one.source.ty != one.target.ty && state == State::Defined {
            cell = A::put(one.target.ty, Kind::of(one.source.ty), A::get(one.source.ty, cell));
        }
        let target = &mut self.memory.arrays[one.target.array];
        target.cells[to] = cell;
        target.states[to] = state;
        Ok(())
    }
}

fn clamp(value: i128) -> i64 {
    value.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}
