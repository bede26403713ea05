//! Which budgets are there? All count operations, so that the same program always comes to the same end.

/// What can run out while a program is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Budget {
    /// For the instances of statements and what they touch.
    Accesses,
    /// For the dependences.
    Dependences,
    /// For what can run together, and how.
    Groups,
    /// For the plans of the groups that are chosen.
    Search,
    /// For the buffers of a schedule.
    Staging,
    /// For its loops.
    Loops,
    /// For its counts.
    Counting,
    /// For the proof that it is legal.
    Proof,
}

impl Budget {
    pub fn purpose(self) -> &'static str {
        match self {
            Budget::Accesses => "accesses",
            Budget::Dependences => "dependences",
            Budget::Groups => "groups",
            Budget::Search => "tiles and orders of loops",
            Budget::Staging => "buffers",
            Budget::Loops => "loops",
            Budget::Counting => "counts",
            Budget::Proof => "proof of order",
        }
    }

    /// What came of it, for a user.
    pub fn consequence(self) -> &'static str {
        match self {
            Budget::Accesses => "what the statements touch was too intricate to be worked out",
            Budget::Dependences => {
                "the dependences were too intricate to be worked out, and statements run in source order, each staged by itself"
            }
            Budget::Groups => {
                "what can run together was too intricate to be worked out, and statements run in source order"
            }
            Budget::Search => "the search for tiles and orders of loops ended before all were tried",
            Budget::Staging => {
                "the buffers of a schedule were too intricate to be worked out, and another one was taken"
            }
            Budget::Loops => "the loops of a schedule were too intricate to be written, and another one was taken",
            Budget::Counting => "what a schedule moves was too intricate to be counted, and another one was taken",
            Budget::Proof => "that no dependence is broken was too intricate to be proven, and rests on a run alone",
        }
    }
}
