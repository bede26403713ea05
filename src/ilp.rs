//! What is the best choice of integers under linear rows? The only file that knows a solver.
//!
//! Models are small and made of small integers, so that a solver's floating point cannot blur them; an answer counts only after
//! every row has been checked in integers here. A solver that fails, or answers wrongly, is an error that callers meet with the
//! plan they already have.
//!
//! Source: the solvers are microlp (branch and bound over a dual simplex) and, where built in, HiGHS (Huangfu and Hall,
//! "Parallelizing the dual revised simplex method", 2018), both behind good_lp.

use good_lp::{Expression, ProblemVariables, Solution, SolverModel, Variable, variable};

/// Which solver decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Solver {
    /// Embedded.
    #[default]
    Microlp,
    /// Where built in (feature `highs`).
    #[cfg(feature = "highs")]
    Highs,
}

impl Solver {
    pub fn name(self) -> &'static str {
        match self {
            Solver::Microlp => "microlp",
            #[cfg(feature = "highs")]
            Solver::Highs => "highs",
        }
    }

    /// The solver of a name, if it is built in.
    pub fn named(name: &str) -> Option<Solver> {
        match name {
            "microlp" | "minilp" => Some(Solver::Microlp),
            #[cfg(feature = "highs")]
            "highs" => Some(Solver::Highs),
            _ => None,
        }
    }
}

/// Minimise `Σ cost·x` over integers `lower <= x <= upper` under rows `Σ coefficient·x >= bound`.
#[derive(Clone, Debug, Default)]
pub struct Model {
    bounds: Vec<(i64, i64)>,
    cost: Vec<i64>,
    rows: Vec<(Vec<(usize, i64)>, i64)>,
}

impl Model {
    /// A new variable's number.
    pub fn variable(&mut self, lower: i64, upper: i64, cost: i64) -> usize {
        self.bounds.push((lower, upper));
        self.cost.push(cost);
        self.bounds.len() - 1
    }

    /// `Σ terms >= bound`
    pub fn at_least(&mut self, terms: Vec<(usize, i64)>, bound: i64) {
        self.rows.push((terms, bound));
    }

    /// `Σ terms <= bound`
    pub fn at_most(&mut self, terms: Vec<(usize, i64)>, bound: i64) {
        self.at_least(terms.into_iter().map(|(v, c)| (v, -c)).collect(), -bound);
    }

    pub fn equal(&mut self, terms: Vec<(usize, i64)>, bound: i64) {
        self.at_least(terms.clone(), bound);
        self.at_most(terms, bound);
    }

    pub fn variables(&self) -> usize {
        self.bounds.len()
    }

    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    pub fn cost_of(&self, values: &[i64]) -> i128 {
        self.cost.iter().zip(values).map(|(&c, &v)| i128::from(c) * i128::from(v)).sum()
    }

    /// Whether values keep every bound and every row, in integers.
    pub fn allows(&self, values: &[i64]) -> bool {
        let value = |&(v, c): &(usize, i64)| i128::from(c) * i128::from(values[v]);
        values.len() == self.bounds.len()
            && self.bounds.iter().zip(values).all(|((lower, upper), v)| (lower..=upper).contains(&v))
            && self.rows.iter().all(|(terms, bound)| terms.iter().map(value).sum::<i128>() >= i128::from(*bound))
    }

    /// The best values; `None` when there are none, or when the solver found none that stand the check.
    pub fn solve(&self, solver: Solver) -> Option<Vec<i64>> {
        let mut variables = ProblemVariables::new();
        let handles: Vec<Variable> = self
            .bounds
            .iter()
            .map(|&(lower, upper)| variables.add(variable().integer().min(lower as f64).max(upper as f64)))
            .collect();
        let sum = |terms: &[(usize, i64)]| -> Expression { terms.iter().map(|&(v, c)| c as f64 * handles[v]).sum() };
        let cost: Expression = self.cost.iter().zip(&handles).map(|(&c, &v)| c as f64 * v).sum();
        let problem = variables.minimise(cost);
        let values = match solver {
            Solver::Microlp => {
                let mut model = problem.using(good_lp::microlp);
                for (terms, bound) in &self.rows {
                    model.add_constraint(sum(terms).geq(*bound as f64));
                }
                let solution = model.solve().ok()?;
                handles.iter().map(|&v| solution.value(v).round() as i64).collect::<Vec<_>>()
            }
            #[cfg(feature = "highs")]
            Solver::Highs => {
                let mut model = problem.using(good_lp::highs);
                for (terms, bound) in &self.rows {
                    model.add_constraint(sum(terms).geq(*bound as f64));
                }
                let solution = model.solve().ok()?;
                handles.iter().map(|&v| solution.value(v).round() as i64).collect::<Vec<_>>()
            }
        };
        self.allows(&values).then_some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_shifts_that_keep_two_distances_are_found() {
        let mut model = Model::default();
        let shifts: Vec<usize> = (0..3).map(|_| model.variable(0, 100, 1)).collect();
        model.at_least(vec![(shifts[1], 1), (shifts[0], -1)], 2);
        model.at_least(vec![(shifts[2], 1), (shifts[1], -1)], 1);
        assert_eq!(model.solve(Solver::Microlp), Some(vec![0, 2, 3]));
    }

    #[test]
    fn rows_that_contradict_each_other_have_no_answer() {
        let mut model = Model::default();
        let x = model.variable(0, 10, 1);
        model.at_least(vec![(x, 1)], 4);
        model.at_most(vec![(x, 1)], 3);
        assert_eq!(model.solve(Solver::Microlp), None);
    }

    #[test]
    fn an_answer_that_breaks_a_row_is_refused() {
        let mut model = Model::default();
        let x = model.variable(0, 10, 1);
        model.at_least(vec![(x, 2)], 5);
        assert!(!model.allows(&[2]) && model.allows(&[3]));
    }
}
