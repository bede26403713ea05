//! How much work may a search do? A count of steps, so that the answer does not depend on the machine.

/// Steps that are left.
pub struct Budget {
    left: u64,
}

impl Budget {
    pub fn new(steps: u64) -> Self {
        Budget { left: steps }
    }

    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes some steps; false when there are none left.
    pub fn spend(&mut self, steps: u64) -> bool {
        let enough = self.left >= steps;
        self.left = self.left.saturating_sub(steps);
        enough
    }
}
