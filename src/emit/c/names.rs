//! What is a name of the program called in C? Itself, unless C, its library, the runtime or the kernel's own code means something by it.

use std::collections::{HashMap, HashSet};

use crate::emit::EmitError;
use crate::lang::ast::{Name, Program, Range, Stmt};

/// Words that C11, C23 and C++ reserve, that the compilers predefine, and that the included headers and builtin functions declare.
const RESERVED: &str = "
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t class compl concept const consteval
constexpr constinit continue decltype default delete do double dynamic_cast else enum explicit export extern false float for
friend goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public
register reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast struct switch template
this thread_local throw true try typedef typeof typeof_unqual typeid typename union unsigned using virtual void volatile while
xor xor_eq fortran near far linux unix i386 i486 i586 i686 vax sun sparc mips hpux arm pascal huge interrupt cdecl bool complex
imaginary noreturn
NULL NAN INFINITY EOF BUFSIZ OVERFLOW UNDERFLOW DOMAIN SING PLOSS TLOSS MAXFLOAT HUGE I RAND_MAX TRUE FALSE
MATH_ERRNO MATH_ERREXCEPT math_errhandling iscanonical iseqsig POLYFUSE_RT_H
offsetof assert errno stdin stdout stderr environ main workspace scratch signgam timezone daylight tzname optarg optind opterr
acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh drem erf erfc exp exp10 exp2 expm1 fabs fdim finite floor fma
fmax fmaximum fmin fminimum fmod fpclassify frexp gamma gammaf gammal hypot ilogb infinity isfinite isgreater isgreaterequal isinf
isless islessequal islessgreater isnan isnormal issignaling issubnormal isunordered iszero j0 j1 jn ldexp lgamma llogb llrint
llround log log10 log1p log2 logb lrint lround matherr modf nan nearbyint nextafter nextdown nexttoward nextup pow pow10 remainder
remquo rint round roundeven scalb scalbln scalbn signbit significand sin sincos sinh sqrt tan tanh tgamma totalorder trunc ufromfp
y0 y1 yn fromfp canonicalize getpayload setpayload
abort abs alloca atexit atof atoi atol atoll bcmp bcopy bsearch bzero calloc clock div exit execl execle execlp execv execve execvp
explicit_bzero ffs ffsl ffsll fork fprintf fputc fputs free fscanf fwrite getc getchar getenv gets gettext index isalnum isalpha
isascii isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper isxdigit labs ldiv llabs lldiv malloc memalign
memccpy memchr memcmp memcpy memfrob memmem memmove mempcpy memset perror posix_memalign printf putc putchar puts qsort raise rand
random read realloc remove rename rindex scanf setenv sigaction signal sleep snprintf sprintf srand sscanf stpcpy stpncpy strcasecmp
strcat strchr strcmp strcoll strcpy strcspn strdup strerror strfmon strftime strlen strncasecmp strncat strncmp strncpy strndup
strnlen strpbrk strrchr strsep strsignal strspn strstr strtod strtof strtok strtol strtold strtoll strtoul strtoull strverscmp
strxfrm swab system time toascii tolower toupper ungetc vfork vfprintf vprintf vsnprintf vsprintf wait write imaxabs imaxdiv
dcgettext dgettext posix_spawn basename dirname close open link unlink select pause sync stime times wcslen wctype
";

/// Beginnings that the C library, the runtime or the kernel's own code use.
const PREFIXES: [&str; 17] = [
    "_", "pf_", "kernel_", "str", "mem", "wcs", "M_", "FP_", "INT", "UINT", "HUGE_", "SIZE_", "PTRDIFF_", "SIG_",
    "WCHAR_", "WINT_", "SNAN",
];

/// From the program's names to those in the C file.
pub struct Names(HashMap<Name, String>);

impl Names {
    /// Names for all arrays and iterators of a program. A reserved name gets underscores at its end, one with a reserved
    /// beginning a `v` in front.
    pub fn new(program: &Program) -> Names {
        let mut all: Vec<Name> = program.arrays.iter().map(|a| a.name.clone()).collect();
        iterators(&program.body, &mut all);
        let mut taken: HashSet<String> = all.iter().map(|n| n.to_string()).collect();
        let mut names = HashMap::new();
        for name in all {
            if names.contains_key(&name) {
                continue;
            }
            let mut given = name.to_string();
            if is_reserved(&name) {
                given =
                    if begins_reserved(&name) { format!("v{}{name}", separator(&name)) } else { format!("{name}_") };
                while taken.contains(&given) {
                    given.push('_');
                }
            }
            taken.insert(given.clone());
            names.insert(name, given);
        }
        Names(names)
    }

    pub fn get(&self, name: &Name) -> Result<&str, EmitError> {
        self.0.get(name).map(String::as_str).ok_or_else(|| EmitError::Unresolved { name: name.clone() })
    }
}

fn iterators(body: &[Stmt], into: &mut Vec<Name>) {
    let add = |ranges: &[Range], into: &mut Vec<Name>| into.extend(ranges.iter().map(|r| r.iterator.clone()));
    for stmt in body {
        match stmt {
            Stmt::For(f) => {
                add(&f.ranges, into);
                iterators(&f.body, into);
            }
            Stmt::If(i) => {
                iterators(&i.then, into);
                iterators(&i.orelse, into);
            }
            Stmt::Transfer(t) => add(&t.ranges, into),
            Stmt::Assign(_) => {}
        }
    }
}

fn begins_reserved(name: &str) -> bool {
    PREFIXES.iter().any(|p| name.starts_with(p))
}

fn separator(name: &str) -> &'static str {
    if name.starts_with('_') { "" } else { "_" }
}

fn is_reserved(name: &str) -> bool {
    // The library's functions exist with the endings `f`, `l` and `_r` too.
    let bare = name.strip_suffix("_r").or_else(|| name.strip_suffix(['f', 'l'])).unwrap_or(name);
    let word = |name: &str| RESERVED.split_ascii_whitespace().any(|w| w == name);
    let limit = name.ends_with("_MAX") || name.ends_with("_MIN") || name.ends_with("_WIDTH") || name.ends_with("_t");
    word(name) || (bare.len() > 1 && word(bare)) || limit || begins_reserved(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::ast::{Array, Role, Type};

    fn names(given: &[&str]) -> Vec<String> {
        let array = |name: &&str| Array {
            role: Role::Input,
            ty: Type::F32,
            name: Name::from(*name),
            dims: Vec::new(),
            extents: Vec::new(),
            span: Default::default(),
        };
        let program = Program { arrays: given.iter().map(array).collect(), ..Program::default() };
        let names = Names::new(&program);
        program.arrays.iter().map(|a| names.get(&a.name).unwrap_or_default().to_string()).collect()
    }

    #[test]
    fn an_ordinary_name_stays() {
        assert_eq!(names(&["A", "input_2", "gate"]), ["A", "input_2", "gate"]);
    }

    #[test]
    fn a_reserved_name_ends_in_an_underscore_that_no_other_name_has() {
        assert_eq!(names(&["exp", "exp_", "int8_t", "logf"]), ["exp__", "exp_", "int8_t_", "logf_"]);
    }

    #[test]
    fn a_name_with_a_reserved_beginning_gets_another_beginning() {
        assert_eq!(names(&["pf_load", "_x", "strides", "kernel_a"]), ["v_pf_load", "v_x", "v_strides", "v_kernel_a"]);
    }
}
