//! What does a kernel need that C lacks? Small inline functions; a kernel's file holds those that it uses.

use std::collections::BTreeSet;

/// A helper, the helpers that it calls, and its definition.
const HELPERS: [(&str, &[&str], &str); 32] = [
    ("pf_div", &[], "/* Floor division by a positive number. */
static inline int64_t pf_div(int64_t a, int64_t n) { return a / n - (a % n < 0); }"),
    ("pf_mod", &[], "/* The non-negative remainder by a positive number. */
static inline int64_t pf_mod(int64_t a, int64_t n) { int64_t r = a % n; return r < 0 ? r + n : r; }"),
    ("pf_min", &[], "static inline int64_t pf_min(int64_t a, int64_t b) { return a < b ? a : b; }"),
    ("pf_max", &[], "static inline int64_t pf_max(int64_t a, int64_t b) { return a > b ? a : b; }"),
    ("pf_abs", &[], "static inline int64_t pf_abs(int64_t a) { return a < 0 ? -a : a; }"),
    ("pf_min_wide", &[], "static inline __int128 pf_min_wide(__int128 a, __int128 b) { return a < b ? a : b; }"),
    ("pf_max_wide", &[], "static inline __int128 pf_max_wide(__int128 a, __int128 b) { return a > b ? a : b; }"),
    ("pf_abs_wide", &[], "static inline __int128 pf_abs_wide(__int128 a) { return a < 0 ? -a : a; }"),
    ("pf_count", &[], "/* The length of lo..hi step s. */
static inline size_t pf_count(int64_t lo, int64_t hi, int64_t s) { return lo < hi ? (size_t)((hi - lo - 1) / s + 1) : 0; }"),
    ("pf_min_f32", &[], "/* A NaN gives the other operand. */
static inline float pf_min_f32(float a, float b) { return a != a || b < a ? b : a; }"),
    ("pf_max_f32", &[], "/* A NaN gives the other operand. */
static inline float pf_max_f32(float a, float b) { return a != a || a < b ? b : a; }"),
    ("pf_min_f64", &[], "/* A NaN gives the other operand. */
static inline double pf_min_f64(double a, double b) { return a != a || b < a ? b : a; }"),
    ("pf_max_f64", &[], "/* A NaN gives the other operand. */
static inline double pf_max_f64(double a, double b) { return a != a || a < b ? b : a; }"),
    ("pf_rsqrt_f32", &[], "static inline float pf_rsqrt_f32(float a) { return 1.0f / sqrtf(a); }"),
    ("pf_rsqrt_f64", &[], "static inline double pf_rsqrt_f64(double a) { return 1.0 / sqrt(a); }"),
    ("pf_sigmoid_f32", &[], "static inline float pf_sigmoid_f32(float a) { return 1.0f / (1.0f + expf(-a)); }"),
    ("pf_sigmoid_f64", &[], "static inline double pf_sigmoid_f64(double a) { return 1.0 / (1.0 + exp(-a)); }"),
    ("pf_f32_of_bf16", &[], "static inline float pf_f32_of_bf16(uint16_t a) {
  uint32_t bits = (uint32_t)a << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}"),
    ("pf_bf16_of_f32", &[], "/* To nearest, ties to even; a NaN stays one. */
static inline uint16_t pf_bf16_of_f32(float a) {
  uint32_t bits;
  memcpy(&bits, &a, sizeof bits);
  if (a != a) return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}"),
    ("pf_bf16_of_f64", &["pf_bf16_of_f32"], "/* Rounds once: the float between is rounded to odd, which the second rounding cannot mistake for a tie. */
static inline uint16_t pf_bf16_of_f64(double a) {
  float f = (float)a;
  uint32_t bits;
  if (a != a || (double)f == a) return pf_bf16_of_f32(f);
  memcpy(&bits, &f, sizeof bits);
  if (fabs((double)f) > fabs(a)) bits--;
  bits |= 1u;
  memcpy(&f, &bits, sizeof f);
  return pf_bf16_of_f32(f);
}"),
    ("pf_i32_of_f64", &[], "/* To nearest, ties to even; saturates; a NaN is 0. */
static inline int32_t pf_i32_of_f64(double a) {
  if (a != a) return 0;
  if (a >= 2147483647.0) return INT32_MAX;
  if (a <= -2147483648.0) return INT32_MIN;
  return (int32_t)rint(a);
}"),
    ("pf_i8_of_f64", &[], "/* To nearest, ties to even; saturates; a NaN is 0. */
static inline int8_t pf_i8_of_f64(double a) {
  if (a != a) return 0;
  if (a >= 127.0) return INT8_MAX;
  if (a <= -128.0) return INT8_MIN;
  return (int8_t)rint(a);
}"),
    ("pf_i32_of_int", &[], "static inline int32_t pf_i32_of_int(int64_t a) {
  return a > INT32_MAX ? INT32_MAX : a < INT32_MIN ? INT32_MIN : (int32_t)a;
}"),
    ("pf_i8_of_int", &[], "static inline int8_t pf_i8_of_int(int64_t a) {
  return (int8_t)(a > INT8_MAX ? INT8_MAX : a < INT8_MIN ? INT8_MIN : a);
}"),
    ("pf_i32_of_wide", &[], "static inline int32_t pf_i32_of_wide(__int128 a) {
  return a > INT32_MAX ? INT32_MAX : a < INT32_MIN ? INT32_MIN : (int32_t)a;
}"),
    ("pf_i8_of_wide", &[], "static inline int8_t pf_i8_of_wide(__int128 a) {
  return (int8_t)(a > INT8_MAX ? INT8_MAX : a < INT8_MIN ? INT8_MIN : a);
}"),
    ("pf_add_i32", &[], "static inline int32_t pf_add_i32(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }"),
    ("pf_sub_i32", &[], "static inline int32_t pf_sub_i32(int32_t a, int32_t b) { return (int32_t)((uint32_t)a - (uint32_t)b); }"),
    ("pf_mul_i32", &[], "static inline int32_t pf_mul_i32(int32_t a, int32_t b) { return (int32_t)((uint32_t)a * (uint32_t)b); }"),
    ("pf_add_i8", &[], "static inline int8_t pf_add_i8(int8_t a, int8_t b) { return (int8_t)(uint8_t)(a + b); }"),
    ("pf_sub_i8", &[], "static inline int8_t pf_sub_i8(int8_t a, int8_t b) { return (int8_t)(uint8_t)(a - b); }"),
    ("pf_mul_i8", &[], "static inline int8_t pf_mul_i8(int8_t a, int8_t b) { return (int8_t)(uint8_t)(a * b); }"),
];

/// The helpers that a kernel uses.
#[derive(Default)]
pub struct Helpers {
    used: BTreeSet<&'static str>,
    /// Whether loads of so many dimensions stand in the kernel.
    loads: BTreeSet<usize>,
    stores: BTreeSet<usize>,
}

impl Helpers {
    /// Notes that the kernel calls `helper`.
    pub fn call(&mut self, helper: &'static str) -> &'static str {
        if let Some((_, needs, _)) = HELPERS.iter().find(|(name, ..)| *name == helper) {
            self.used.extend(needs.iter());
        }
        self.used.insert(helper);
        helper
    }

    /// Notes that the kernel loads boxes of `dims` dimensions, and names the function that does.
    pub fn load(&mut self, dims: usize) -> String {
        self.loads.insert(dims);
        format!("pf_load{dims}")
    }

    /// Notes that the kernel stores boxes of `dims` dimensions, and names the function that does.
    pub fn store(&mut self, dims: usize) -> String {
        self.stores.insert(dims);
        format!("pf_store{dims}")
    }

    pub fn uses_memcpy(&self) -> bool {
        self.used.iter().any(|name| name.contains("bf16"))
    }

    /// The definitions, each followed by an empty line.
    pub fn definitions(&self) -> String {
        let mut text = String::new();
        for (name, _, definition) in HELPERS {
            if self.used.contains(name) {
                text += &format!("{definition}\n\n");
            }
        }
        for &dims in &self.loads {
            text += &transfer("load", dims);
        }
        for &dims in &self.stores {
            text += &transfer("store", dims);
        }
        text
    }
}

/// A transfer whose descriptors live in a frame of their own, so that the kernel's does not grow with its transfers.
fn transfer(what: &str, dims: usize) -> String {
    let each = |f: &dyn Fn(usize) -> String| (0..dims).map(f).collect::<Vec<_>>().join(", ");
    let args = each(&|d| format!("size_t n{d}, ptrdiff_t to{d}, ptrdiff_t from{d}"));
    format!(
        "/* A box: for each dimension its extent and its strides in bytes, outermost first. */
static void pf_{what}{dims}(void *to, const void *from, size_t elem_bytes, {args}) {{
  const size_t extent[{dims}] = {{{}}};
  const ptrdiff_t to_stride[{dims}] = {{{}}}, from_stride[{dims}] = {{{}}};
  pf_{what}(to, from, elem_bytes, {dims}, extent, to_stride, from_stride);
}}

",
        each(&|d| format!("n{d}")),
        each(&|d| format!("to{d}")),
        each(&|d| format!("from{d}")),
    )
}
