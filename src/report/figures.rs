//! How are numbers written for people?

/// Thousands apart: `25,165,824`.
pub fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A capacity, exactly: in the largest binary unit of which it is a whole number.
pub fn size(bytes: i64) -> String {
    let units = [("GiB", 1i64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, scale)| bytes != 0 && bytes % scale == 0) {
        Some((unit, scale)) => format!("{}{unit}", bytes / scale),
        None => bytes.to_string(),
    }
}

/// Traffic to three digits in a decimal unit: `25.2 MB`.
pub fn rounded(bytes: f64) -> String {
    let units = [("EB", 1e18), ("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    match units.iter().find(|(_, scale)| bytes >= 0.9995 * scale) {
        Some((unit, scale)) => {
            let value = bytes / scale;
            let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
            format!("{value:.digits$} {unit}")
        }
        None => format!("{bytes:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let written = [0, 999, 1000, 25165824, -1234567, i64::MIN].map(grouped);
        assert_eq!(written, ["0", "999", "1,000", "25,165,824", "-1,234,567", "-9,223,372,036,854,775,808"]);
    }

    #[test]
    fn a_size_is_written_as_it_is_read() {
        for text in ["512", "1000", "64KiB", "24MiB", "2GiB", "1025KiB"] {
            assert_eq!(crate::machine::parse_size(text).map(size), Ok(text.to_string()));
        }
    }

    #[test]
    fn traffic_is_rounded_to_three_digits() {
        let written = [0.0, 17.0, 999.0, 9999.0, 999_499.0, 999_600.0, 25165824.0, 3.0e18].map(rounded);
        assert_eq!(written, ["0 B", "17 B", "999 B", "10.0 kB", "999 kB", "1.00 MB", "25.2 MB", "3.00 EB"]);
    }
}
