//! What is a scheduled program in C? One function: buffers at fixed places in the arena, loops, and calls that move boxes.
//!
//! The file is self-contained C11 beside `polyfuse_rt.h`. The parts: [`names`] renames what C reserves, [`linear`] and
//! [`bounds`] simplify index arithmetic, [`affine`] prints it, [`value`] prints computations, [`transfer`] finds the boxes, and
//! [`helpers`] holds the inline functions that are used.

mod affine;
mod bounds;
mod helpers;
mod linear;
mod names;
mod transfer;
mod value;

use std::collections::HashSet;

use super::{EmitError, Placement};
use crate::lang::ast::{Array, For, If, Name, Program, Range, Role, Stmt, Transfer, Type};
use bounds::Bounds;
use helpers::Helpers;
use names::Names;

/// The alignment of both pointers that a kernel is given, in bytes.
const ALIGNMENT: i64 = 64;

/// The kernel's name for a program in a file with this stem.
pub fn kernel_name(stem: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("kernel_{}", stem.chars().map(plain).collect::<String>())
}

/// Translates a resolved program of the scheduled level, whose file has the stem `stem`, to C.
///
/// # Errors
/// The first construct that is not of the scheduled level, not affine, or too large.
pub fn to_c(program: &Program, stem: &str, placement: &Placement) -> Result<String, EmitError> {
    let kernel = kernel_name(stem);
    let mut writer = Writer {
        program,
        names: Names::new(program),
        helpers: Helpers::default(),
        bounds: Bounds::default(),
        used: HashSet::new(),
        out: String::new(),
        depth: 1,
    };
    writer.block(&program.body)?;
    let (workspace, workspace_bytes) = workspace(program)?;
    let pointers = writer.pointers(placement, &workspace)?;
    let signature = format!("void {kernel}({})", writer.parameters()?);
    let unused = writer.unused(&pointers, &workspace)?;
    let mut file = preamble(&writer.helpers);
    file += &format!("size_t {kernel}_scratch_bytes(void);\nsize_t {kernel}_workspace_bytes(void);\n{signature};\n\n");
    file += &writer.helpers.definitions();
    file += &format!("size_t {kernel}_scratch_bytes(void) {{ return {}; }}\n\n", placement.arena_bytes);
    file += &format!("size_t {kernel}_workspace_bytes(void) {{ return {workspace_bytes}; }}\n\n");
    file += &format!("{signature} {{\n{pointers}{unused}{}}}\n", writer.out);
    Ok(file)
}

fn preamble(helpers: &Helpers) -> String {
    let mut text = String::from("#include \"polyfuse_rt.h\"\n\n#include <math.h>\n#include <stdint.h>\n");
    if helpers.uses_memcpy() {
        text += "#include <string.h>\n";
    }
    // Each operation rounds by itself; GCC does so in its standard modes and knows no pragma.
    text + "\n#ifdef __clang__\n#pragma STDC FP_CONTRACT OFF\n#endif\n\n"
}

/// Spilled temps with their byte offsets.
type Spilled<'a> = Vec<(&'a Array, i64)>;

/// The temps that cross to DRAM with their byte offsets in the workspace, and its size.
fn workspace(program: &Program) -> Result<(Spilled<'_>, i64), EmitError> {
    let mut moved = HashSet::new();
    transfers(&program.body, &mut |t| {
        moved.insert(t.target.array.clone());
        moved.insert(t.source.array.clone());
    });
    let mut places = Vec::new();
    let mut end: i64 = 0;
    for array in program.arrays.iter().filter(|a| a.role == Role::Temp && moved.contains(&a.name)) {
        places.push((array, end));
        let bytes = array.extents.iter().try_fold(array.ty.bytes(), |bytes, extent| bytes.checked_mul(*extent));
        let next = bytes.and_then(|bytes| bytes.checked_add(end)).and_then(|e| e.checked_add(ALIGNMENT - 1));
        end = next.ok_or(EmitError::TooLarge)? / ALIGNMENT * ALIGNMENT;
    }
    Ok((places, end))
}

fn transfers(body: &[Stmt], visit: &mut impl FnMut(&Transfer)) {
    for stmt in body {
        match stmt {
            Stmt::For(f) => transfers(&f.body, visit),
            Stmt::If(i) => {
                transfers(&i.then, visit);
                transfers(&i.orelse, visit);
            }
            Stmt::Transfer(t) => visit(t),
            Stmt::Assign(_) => {}
        }
    }
}

fn c_type(ty: Type) -> &'static str {
    match ty {
        Type::F64 => "double",
        Type::F32 => "float",
        Type::F16 => "_Float16",
        Type::Bf16 => "uint16_t",
        Type::I32 => "int32_t",
        Type::I8 => "int8_t",
    }
}

/// A kernel's body while it is written.
struct Writer<'a> {
    program: &'a Program,
    names: Names,
    helpers: Helpers,
    /// The iterators around the current statement.
    bounds: Bounds,
    /// The arrays that the body names.
    used: HashSet<Name>,
    out: String,
    depth: usize,
}

impl Writer<'_> {
    fn line(&mut self, text: &str) {
        self.out += &format!("{}{text}\n", "  ".repeat(self.depth));
    }

    fn block(&mut self, body: &[Stmt]) -> Result<(), EmitError> {
        for stmt in body {
            match stmt {
                Stmt::For(f) => self.nest(f)?,
                Stmt::If(i) => self.branch(i)?,
                Stmt::Assign(a) => {
                    let text = self.assignment(a)?;
                    self.line(&format!("{text};"));
                }
                Stmt::Transfer(t) => self.transfer(t)?,
            }
        }
        Ok(())
    }

    fn inner(&mut self, body: &[Stmt]) -> Result<(), EmitError> {
        self.depth += 1;
        self.block(body)?;
        self.depth -= 1;
        Ok(())
    }

    fn nest(&mut self, nest: &For) -> Result<(), EmitError> {
        for range in &nest.ranges {
            let head = self.loop_head(range)?;
            self.line(&format!("{head} {{"));
            self.bounds.push(range)?;
            self.depth += 1;
        }
        self.block(&nest.body)?;
        self.bounds.pop(nest.ranges.len());
        for _ in &nest.ranges {
            self.depth -= 1;
            self.line("}");
        }
        Ok(())
    }

    fn loop_head(&mut self, range: &Range) -> Result<String, EmitError> {
        let (lo, hi) = (self.affine(&range.lo)?, self.affine(&range.hi)?);
        let i = self.names.get(&range.iterator)?;
        let next = if range.step == 1 { format!("{i}++") } else { format!("{i} += {}", range.step) };
        Ok(format!("for (int64_t {i} = {lo}; {i} < {hi}; {next})"))
    }

    fn branch(&mut self, branch: &If) -> Result<(), EmitError> {
        let condition = self.condition(&branch.condition)?;
        self.line(&format!("if ({condition}) {{"));
        self.inner(&branch.then)?;
        if !branch.orelse.is_empty() {
            self.line("} else {");
            self.inner(&branch.orelse)?;
        }
        self.line("}");
        Ok(())
    }

    /// The interface's arrays in the order declared, then the two blocks of memory.
    fn parameters(&self) -> Result<String, EmitError> {
        let mut text = String::new();
        for array in &self.program.arrays {
            let constant = match array.role {
                Role::Input => "const ",
                Role::Output | Role::Inout => "",
                Role::Temp | Role::Scratch => continue,
            };
            text += &format!("{constant}{} *{}, ", c_type(array.ty), self.names.get(&array.name)?);
        }
        Ok(text + "void *workspace, void *scratch")
    }

    /// Declares the buffers and the spilled temps that the body uses.
    fn pointers(&self, placement: &Placement, workspace: &[(&Array, i64)]) -> Result<String, EmitError> {
        let mut text = String::new();
        for array in self.program.arrays.iter().filter(|a| a.role == Role::Scratch) {
            let misplaced = || EmitError::Misplaced { array: array.name.clone() };
            let offset = *placement.offsets.get(&array.name).ok_or_else(misplaced)?;
            let end = array.extents.iter().try_fold(array.ty.bytes(), |b, e| b.checked_mul(*e));
            let end = end.and_then(|bytes| bytes.checked_add(offset)).ok_or_else(misplaced)?;
            if offset < 0 || offset % array.ty.bytes() != 0 || end > placement.arena_bytes {
                return Err(misplaced());
            }
            text += &self.pointer(array, "scratch", offset)?;
        }
        for (array, offset) in workspace {
            text += &self.pointer(array, "workspace", *offset)?;
        }
        Ok(text)
    }

    fn pointer(&self, array: &Array, block: &str, offset: i64) -> Result<String, EmitError> {
        if !self.used.contains(&array.name) {
            return Ok(String::new());
        }
        let (ty, name) = (c_type(array.ty), self.names.get(&array.name)?);
        Ok(format!("  {ty} *const {name} = ({ty} *)((char *){block} + {offset});\n"))
    }

    /// Keeps compilers from warning of parameters that this kernel has no use for.
    fn unused(&self, pointers: &str, workspace: &[(&Array, i64)]) -> Result<String, EmitError> {
        let mut text = String::new();
        for array in &self.program.arrays {
            let parameter = !matches!(array.role, Role::Temp | Role::Scratch);
            if parameter && !self.used.contains(&array.name) {
                text += &format!("  (void){};\n", self.names.get(&array.name)?);
            }
        }
        if workspace.is_empty() {
            text += "  (void)workspace;\n";
        }
        if !pointers.contains("(char *)scratch") {
            text += "  (void)scratch;\n";
        }
        Ok(text)
    }
}
