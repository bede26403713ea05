//! Which reasons are there? A closed set; each has a number, a name, and a description that says what would change it.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why nests that share data run together or apart, and how the program was rewritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    Fused,
    KeptOnChip,
    /// What remarks without a code were.
    #[default]
    MissedFusion,
    DoesNotFit,
    MoreTraffic,
    BetterElsewhere,
    NoGain,
    Dependence,
    ReductionOrder,
    NoCommonLoop,
    TooLong,
    UnknownDependences,
    NothingChanged,
    Expanded,
    Split,
    BudgetSpent,
    Recomputed,
    Blocked,
    Stripped,
    Untiled,
    Dead,
    Merged,
}

use Code::*;

/// All codes, in the order of their numbers.
pub const CODES: [Code; 22] = [
    Fused,
    KeptOnChip,
    MissedFusion,
    DoesNotFit,
    MoreTraffic,
    BetterElsewhere,
    NoGain,
    Dependence,
    ReductionOrder,
    NoCommonLoop,
    TooLong,
    UnknownDependences,
    NothingChanged,
    Expanded,
    Split,
    BudgetSpent,
    Recomputed,
    Blocked,
    Stripped,
    Untiled,
    Dead,
    Merged,
];

impl Code {
    /// `PF004`
    pub fn number(self) -> String {
        format!("PF{:03}", 1 + CODES.iter().position(|code| *code == self).unwrap_or(0))
    }

    /// The code with this number, in either case.
    pub fn from_number(number: &str) -> Option<Code> {
        CODES.into_iter().find(|code| code.number().eq_ignore_ascii_case(number))
    }

    /// A remark's `kind`.
    pub fn kind(self) -> &'static str {
        match self {
            Fused => "fused",
            KeptOnChip => "kept-on-chip",
            MissedFusion => "missed-fusion",
            DoesNotFit => "does-not-fit",
            MoreTraffic => "more-traffic",
            BetterElsewhere => "better-elsewhere",
            NoGain => "no-gain",
            Dependence => "dependence",
            ReductionOrder => "reduction-order",
            NoCommonLoop => "no-common-loop",
            TooLong => "too-long",
            UnknownDependences => "unknown-dependences",
            NothingChanged => "nothing-changed",
            Expanded => "expanded",
            Split => "split",
            BudgetSpent => "budget-spent",
            Recomputed => "recomputed",
            Blocked => "blocked",
            Stripped => "stripped",
            Untiled => "untiled",
            Dead => "dead-instances",
            Merged => "merged",
        }
    }

    /// What it means and what would change it.
    pub fn description(self) -> &'static str {
        match self {
            Fused => {
                "The nests share loops: what one makes for the other is used while it is in the scratchpad.\n\nNothing needs to \
                 change. `--fuse none` runs them apart, for comparison."
            }
            KeptOnChip => {
                "The nests share no loop, but what they share stays in the scratchpad between them: it moves no byte more than it \
                 must.\n\nFusing them would save nothing. A smaller scratchpad may no longer hold it."
            }
            MissedFusion => {
                "The nests share no loop and what they share crosses DRAM more often than it must. This is the short form that \
                 reports carry; `polyfuse explain FILE` plans the nests together, and gives the reason."
            }
            DoesNotFit => {
                "As one group the nests need more scratchpad than there is: the rows that must wait between producer and \
                 consumer, with the operands of both, are too many.\n\nA larger scratchpad changes it (the remark says from which \
                 size), or smaller extents, or a narrower element type for what is passed on."
            }
            MoreTraffic => {
                "One group for these nests is legal and fits, but moves more bytes than running them apart: buffers of both \
                 share the scratchpad, so tiles are smaller and operands are loaded more often than what is passed on would \
                 save.\n\nA larger scratchpad changes it. `--fuse max` fuses all the same."
            }
            BetterElsewhere => {
                "By themselves the nests would move less as one group, but each nest is in one group only, and the groups chosen \
                 move less in all.\n\nA larger scratchpad may hold the longer group."
            }
            NoGain => {
                "As one group the nests move exactly as many bytes as apart, so they are left as they were written."
            }
            Dependence => {
                "No loop can be shared: along every loop of both, an instance of the second nest needs one of the first that a \
                 shared loop would run later. The remark names two such instances and how far apart they are on the loops that come \
                 closest. Typical is data that is read reversed or transposed.\n\nRewriting changes it: swap or reverse loops where \
                 the values allow it. A scratchpad that holds all that is shared makes it unnecessary."
            }
            ReductionOrder => {
                "No loop can be shared: the second nest needs the value of a reduction, which is complete only when the whole loop of \
                 the first has run.\n\nA reduction of parts that both nests walk together changes it (a running sum or maximum, \
                 corrected later). A scratchpad that holds all that is shared makes it unnecessary."
            }
            NoCommonLoop => {
                "The nests share data, but no loop of one walks the same dimension of it as a loop of the other: there is no \
                 loop to share."
            }
            TooLong => {
                "The run of nests from the first to the second is longer than what is planned as one group.\n\nMoving the two \
                 nests closer together in the program changes it."
            }
            UnknownDependences => {
                "The dependences were too intricate for the budget, so the program runs in its own order.\n\n`--effort` raises \
                 the budget; simpler indices and bounds need less."
            }
            NothingChanged => {
                "The schedule moves no byte less than each nest scheduled by itself. The remark says why: there is one nest, \
                 nothing is shared, no byte is left to be saved, or every pair has a reason of its own."
            }
            Expanded => {
                "A temp that iterations of a loop fill anew has an element for each of them, so that they need not wait for each other \
                 and run in one tile.\n\nThe scheduled program declares the temp with those dimensions; only the elements of a tile are in the scratchpad."
            }
            Split => {
                "A loop runs as two, one after the other: a part of an array stays in the scratchpad that does not fit as a whole, and \
                 the rest passes by; or parts of a nest that need not run together have loops of their own.\n\nA larger \
                 scratchpad makes it unnecessary."
            }
            BudgetSpent => {
                "A count of operations ran out before all was tried, and the best that was found by then is used. The remark says which, and \
                 how many bytes it can have cost at most: the distance to what any schedule must move.\n\n`--effort 10` allows ten \
                 times the operations."
            }
            Recomputed => {
                "Nests that look at neighbouring rows of each other's results run in slabs of rows, and each slab computes the rows at its \
                 edges itself; or a temp that is cheap to make is made again by each tile that reads it, instead of being stored and \
                 loaded. Elements are computed more than once so that fewer bytes move.\n\n`--recompute FRACTION` says how many operations that \
                 may add, as a part of the program's own; 0 forbids it. A larger scratchpad may make it unnecessary."
            }
            Blocked => {
                "Loops of a nest that reads again what it wrote run in blocks, and the cases in which two of the blocks are the same are \
                 statements of their own: a block of the result stays in the scratchpad while operands pass by.\n\nA larger scratchpad takes \
                 larger blocks, and one that holds the array needs none."
            }
            Stripped => {
                "Loops whose iterators stand in an index that rounds, as in `E[i / 2]` or `K[i % 2]`, run as two, over blocks of values and over \
                 the values in a block: the index is a sum of iterators then, and a tile needs a part of the array.\n\nNothing needs to \
                 change. Written so in the program, with two loops, it is the same."
            }
            Untiled => {
                "No tiles of the nest were found that fit: it runs in source order, and each instance loads what it reads and stores what \
                 it writes.\n\nA larger scratchpad changes it, or loops whose iterations touch neighbouring elements."
            }
            Dead => {
                "Instances of statements are left out because nothing comes of them: what they write is overwritten before it is read, is a temp \
                 that nothing reads, or is read by such instances alone. What they alone read is not loaded. Typical is a copy of a whole \
                 array of which later loops need the border.\n\nNothing needs to change. Without these instances in the program it is the same."
            }
            Merged => {
                "An array takes the place of the temp that it is made of, element by element: of a tile of both one is in the scratchpad, \
                 so tiles can be larger.\n\nNothing needs to change. Written with one array in the program, it is the same."
            }
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.number())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
        let number = String::deserialize(deserializer)?;
        Code::from_number(&number).ok_or_else(|| Error::custom(format!("no code `{number}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_number_and_described() {
        for (n, code) in CODES.into_iter().enumerate() {
            assert_eq!(code.number(), format!("PF{:03}", n + 1));
            assert_eq!(Code::from_number(&code.number().to_lowercase()), Some(code));
            assert!(code.description().len() > 60 && !code.kind().contains(' '));
        }
        assert_eq!(Code::from_number("PF000"), None);
    }
}
