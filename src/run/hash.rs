//! Which bits stand for an input element, a checksum, or the value of a function that arithmetic leaves open?
//!
//! Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (the finaliser of
//! SplitMix64).

/// A bijection of 64-bit words that spreads every input bit over all output bits.
pub(super) fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The hash of `so_far` followed by `word`.
pub(super) fn join(so_far: u64, word: u64) -> u64 {
    mix(so_far.rotate_left(23) ^ mix(word))
}

pub(super) fn text(text: &str) -> u64 {
    text.bytes().fold(text.len() as u64, |so_far, byte| join(so_far, byte.into()))
}
