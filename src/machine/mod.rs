//! What must a schedule fit? Machines, built in or read from a TOML file.
//!
//! A machine is its scratchpad, which schedules must fit, and its rates, from which their time is modelled. Only numbers that a stage uses
//! stand here, each with its source in its file.

use std::fmt;

use serde::Deserialize;

const BUILT_IN: [(&str, &str); 4] = [
    ("inf2", include_str!("inf2.toml")),
    ("trn1", include_str!("trn1.toml")),
    ("trn2", include_str!("trn2.toml")),
    ("edge", include_str!("edge.toml")),
];

/// The machine when none is named.
pub const DEFAULT: &str = "inf2";

/// An accelerator with a scratchpad that software manages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    pub name: String,
    /// In a few words.
    #[serde(default)]
    pub description: String,
    /// What the buffers of a schedule may take together.
    pub scratchpad_bytes: i64,
    /// Where the numbers are from.
    #[serde(default)]
    pub source: String,
    /// How fast it moves and computes; without them there is no model of time.
    pub rates: Option<Rates>,
}

/// How fast a machine moves data and computes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// From the order to move to the first byte moved.
    pub dma_start_ns: i64,
    pub dma_bytes_per_second: i64,
    /// Contiguous bytes in DRAM from which on the bandwidth is reached; a shorter run takes as long as this many.
    pub dma_full_run_bytes: i64,
    /// Of products that are summed up, on operands of 4 bytes and more.
    pub tensor_f32_operations_per_second: i64,
    /// The same on shorter operands.
    pub tensor_f16_operations_per_second: i64,
    /// Of all else but functions.
    pub vector_operations_per_second: i64,
    /// Of functions, such as exponentials and roots.
    pub scalar_operations_per_second: i64,
    /// Whether transfers run beside computing.
    pub double_buffering: bool,
}

impl Rates {
    fn positive(&self) -> [(&'static str, i64); 7] {
        [
            ("rates.dma_start_ns", self.dma_start_ns),
            ("rates.dma_bytes_per_second", self.dma_bytes_per_second),
            ("rates.dma_full_run_bytes", self.dma_full_run_bytes),
            ("rates.tensor_f32_operations_per_second", self.tensor_f32_operations_per_second),
            ("rates.tensor_f16_operations_per_second", self.tensor_f16_operations_per_second),
            ("rates.vector_operations_per_second", self.vector_operations_per_second),
            ("rates.scalar_operations_per_second", self.scalar_operations_per_second),
        ]
    }
}

/// Why a machine file is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineError {
    /// Not TOML, an unknown or a missing key, or a value of the wrong type; as the TOML reader shows it.
    Malformed(String),
    /// A number that must be positive.
    NotPositive { key: &'static str, value: i64 },
    /// A machine without a name.
    Unnamed,
}

impl fmt::Display for MachineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MachineError::Malformed(text) => write!(f, "{}", text.trim_end()),
            MachineError::NotPositive { key, value } => write!(f, "`{key}` must be positive, not {value}"),
            MachineError::Unnamed => write!(f, "`name` must not be empty"),
        }
    }
}

impl std::error::Error for MachineError {}

impl Machine {
    /// The machine built in under this name.
    pub fn named(name: &str) -> Option<Machine> {
        // A file of our own that does not parse fails a test.
        toml_of(name).and_then(|text| Machine::from_toml(text).ok())
    }

    /// Reads a machine file.
    ///
    /// # Errors
    /// Malformed TOML, unknown or missing keys, and numbers that are not positive.
    pub fn from_toml(text: &str) -> Result<Machine, MachineError> {
        let machine: Machine = toml::from_str(text).map_err(|e| MachineError::Malformed(e.to_string()))?;
        if machine.name.is_empty() {
            return Err(MachineError::Unnamed);
        }
        if machine.scratchpad_bytes <= 0 {
            return Err(MachineError::NotPositive { key: "scratchpad_bytes", value: machine.scratchpad_bytes });
        }
        match machine.rates.iter().flat_map(Rates::positive).find(|(_, value)| *value <= 0) {
            Some((key, value)) => Err(MachineError::NotPositive { key, value }),
            None => Ok(machine),
        }
    }
}

/// The names of the machines built in.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// The file of a machine built in.
pub fn toml_of(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}

/// Reads a size: bytes, or a whole number of `B`, `KiB`, `MiB` or `GiB`.
///
/// # Errors
/// What is wrong with it, in a few words.
pub fn parse_size(text: &str) -> Result<i64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let scale = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 0,
    };
    if digits.is_empty() || scale == 0 {
        return Err(format!("`{text}` is no size: a whole number of bytes, or of KiB, MiB or GiB as in 64KiB"));
    }
    let bytes = digits.parse::<i64>().ok().and_then(|n| n.checked_mul(scale));
    match bytes {
        Some(0) => Err("a size must be positive".to_string()),
        Some(bytes) => Ok(bytes),
        None => Err(format!("`{text}` does not fit 63 bits")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_built_in_reads_and_bears_its_name() {
        for name in names() {
            assert_eq!(Machine::named(name).map(|m| m.name).as_deref(), Some(name));
        }
        assert_eq!(Machine::named("inf3"), None);
    }

    #[test]
    fn the_default_machine_is_built_in_with_24_mib() {
        assert_eq!(Machine::named(DEFAULT).map(|m| m.scratchpad_bytes), Some(24 << 20));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = Machine::from_toml("name = \"x\"\nscratchpad_bytes = 4\nscratchpad_kib = 4\n");
        assert!(error.is_err_and(|e| e.to_string().contains("scratchpad_kib")));
    }

    #[test]
    fn a_missing_key_is_named() {
        assert!(Machine::from_toml("name = \"x\"\n").is_err_and(|e| e.to_string().contains("scratchpad_bytes")));
    }

    #[test]
    fn a_scratchpad_of_no_bytes_is_refused() {
        let error = Machine::from_toml("name = \"x\"\nscratchpad_bytes = 0\n");
        assert_eq!(error, Err(MachineError::NotPositive { key: "scratchpad_bytes", value: 0 }));
    }

    #[test]
    fn rates_are_all_there_and_positive() {
        let text = toml_of("edge").expect("a machine");
        for name in names() {
            assert!(Machine::named(name).is_some_and(|m| m.rates.is_some()), "{name}");
        }
        let part: String = text.lines().filter(|l| !l.starts_with("dma_start_ns")).map(|l| format!("{l}\n")).collect();
        assert!(Machine::from_toml(&part).is_err_and(|e| e.to_string().contains("dma_start_ns")));
        let zero = text.replace("dma_full_run_bytes = 64", "dma_full_run_bytes = 0");
        let error = MachineError::NotPositive { key: "rates.dma_full_run_bytes", value: 0 };
        assert_eq!(Machine::from_toml(&zero), Err(error));
        let bare: String = text.lines().take_while(|l| !l.starts_with("[rates]")).map(|l| format!("{l}\n")).collect();
        assert!(Machine::from_toml(&bare).is_ok_and(|m| m.rates.is_none()));
    }

    #[test]
    fn a_size_is_bytes_or_has_a_binary_unit() {
        assert_eq!(parse_size("512"), Ok(512));
        assert_eq!(parse_size("512B"), Ok(512));
        assert_eq!(parse_size("64KiB"), Ok(65536));
        assert_eq!(parse_size("24 MiB"), Ok(24 << 20));
        assert_eq!(parse_size("2GiB"), Ok(2 << 30));
    }

    #[test]
    fn a_size_that_is_none_is_refused() {
        for text in ["", "KiB", "0", "-4", "4KB", "1.5MiB", "99999999999999999999", "9999999999999GiB", "4é"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
