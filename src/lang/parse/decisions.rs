//! Which decisions are written in the text of a schedule?

use pest::Parser;

use super::{Builder, Grammar, Match, Rule, parts, scan, span_of, text_of};
use crate::lang::decisions::{
    Blocks, Cut, Decisions, Expanded, Group, Keep, Mention, Merged, Parts, Recomputed, Rewriting, Slabs, Step, Strip,
    TileLoop, User,
};
use crate::lang::diagnostic::Diagnostic;

/// Reads the decisions of a schedule. Names are not looked up.
///
/// # Errors
/// What the text shows to be wrong without the program.
pub fn decisions(text: &str) -> Result<Decisions, Vec<Diagnostic>> {
    let scan = scan(text);
    let (text, is_cut) = (&text[..scan.end], scan.end < text.len());
    let mut builder = Builder { text, is_cut, errors: scan.mistakes, ..Builder::default() };
    let mut decisions = Decisions::default();
    if builder.errors.is_empty() {
        match Grammar::parse(Rule::schedule_file, text) {
            Ok(pairs) => pairs.flat_map(Match::into_inner).for_each(|pair| builder.decision(pair, &mut decisions)),
            Err(error) => builder.unexpected(error.into(), Rule::schedule_file),
        }
    }
    builder.finish().map(|_| decisions)
}

impl Builder<'_> {
    /// What cannot be read is reported and left out.
    fn decision(&mut self, pair: Match, decisions: &mut Decisions) {
        match pair.as_rule() {
            Rule::omit => decisions.omits_dead = Some(span_of(&pair)),
            Rule::part => {
                let span = span_of(&pair);
                let has_statements = pair.into_inner().any(|pair| pair.as_rule() == Rule::kw_statements);
                let parts = if has_statements { Parts::Statements } else { Parts::Recurrences };
                decisions.rewritings.push(Rewriting::Part(parts, span));
            }
            Rule::expand => {
                let all = parts(pair).filter_map(|pair| self.expanded(pair)).collect();
                decisions.rewritings.push(Rewriting::Expand(all));
            }
            Rule::strip => {
                let all = parts(pair).filter_map(|pair| self.stripped(pair)).collect();
                decisions.rewritings.push(Rewriting::Strip(all));
            }
            Rule::split => {
                let all = parts(pair).filter_map(|pair| self.cut(pair)).collect();
                decisions.rewritings.push(Rewriting::Split(all));
            }
            Rule::in_blocks => {
                let all = parts(pair).filter_map(|pair| self.blocks(pair)).collect();
                decisions.rewritings.push(Rewriting::Block(all));
            }
            Rule::overlap => {
                let all = parts(pair).filter_map(|pair| self.slabs(pair)).collect();
                decisions.rewritings.push(Rewriting::Overlap(all));
            }
            Rule::recompute => {
                let all = parts(pair).filter_map(|pair| self.recomputed(pair)).collect();
                decisions.rewritings.push(Rewriting::Recompute(all));
            }
            Rule::merge => {
                let all = parts(pair).filter_map(|pair| self.merged(pair)).collect();
                decisions.rewritings.push(Rewriting::Merge(all));
            }
            Rule::run_group => decisions.groups.push(self.run_group(pair)),
            Rule::keep => decisions.keeps.extend(self.keep(pair)),
            _ => {}
        }
    }

    fn expanded(&mut self, pair: Match) -> Option<Expanded> {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        let array = inner.next()?;
        let (array, mut of, mut name, mut iterators) = (self.name(&array), None, None, Vec::new());
        for part in inner {
            match part.as_rule() {
                Rule::mention => of = Some(self.mention(part)?),
                Rule::renamed => name = parts(part).next().map(|name| self.name(&name)),
                _ => iterators = parts(part).map(|name| self.name(&name)).collect(),
            }
        }
        Some(Expanded { array, of, name, iterators, span })
    }

    fn cut(&mut self, pair: Match) -> Option<Cut> {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        let iterator = inner.next()?;
        let (iterator, of) = (self.name(&iterator), self.mention(inner.next()?)?);
        Some(Cut { iterator, of, at: self.integer(inner.next()?, "first value of the second part")?, span })
    }

    fn stripped(&mut self, pair: Match) -> Option<Strip> {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        let iterator = inner.next()?;
        let (iterator, of) = (self.name(&iterator), self.mention(inner.next()?)?);
        Some(Strip { iterator, of, by: self.integer(inner.next()?, "number of values")?, span })
    }

    fn blocks(&mut self, pair: Match) -> Option<Blocks> {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        Some(Blocks { of: self.mention(inner.next()?)?, size: self.integer(inner.next()?, "size of a block")?, span })
    }

    fn slabs(&mut self, pair: Match) -> Option<Slabs> {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        let (first, last) = (self.mention(inner.next()?)?, self.mention(inner.next()?)?);
        let iterator = inner.next()?;
        let (iterator, of) = (self.name(&iterator), self.mention(inner.next()?)?);
        Some(Slabs { first, last, iterator, of, rows: self.integer(inner.next()?, "number of rows")?, span })
    }

    fn recomputed(&mut self, pair: Match) -> Option<Recomputed> {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        let array = inner.next()?;
        let (array, mut users, mut over) = (self.name(&array), Vec::new(), Vec::new());
        for part in inner {
            if part.as_rule() == Rule::user {
                users.push(self.user(part)?);
                continue;
            }
            for blocks in parts(part) {
                let mut inner = parts(blocks);
                let iterator = inner.next()?;
                over.push((self.name(&iterator), self.integer(inner.next()?, "number of values")?));
            }
        }
        Some(Recomputed { array, users, over, span })
    }

    fn merged(&mut self, pair: Match) -> Option<Merged> {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        let (from, into) = (inner.next()?, inner.next()?);
        Some(Merged { from: self.name(&from), into: self.name(&into), span })
    }

    fn run_group(&mut self, pair: Match) -> Group {
        let span = span_of(&pair);
        let (keeps, body): (Vec<_>, Vec<_>) = parts(pair).partition(|part| part.as_rule() == Rule::keep);
        let body = body.into_iter().filter_map(|step| self.step(step)).collect();
        Group { body, keeps: keeps.into_iter().filter_map(|keep| self.keep(keep)).collect(), span }
    }

    fn step(&mut self, pair: Match) -> Option<Step> {
        if pair.as_rule() == Rule::leaf {
            return self.mention(parts(pair).next()?).map(Step::Statement);
        }
        let (loops, body): (Vec<_>, Vec<_>) = parts(pair).partition(|part| part.as_rule() == Rule::tile_loop);
        let loops: Vec<Option<TileLoop>> = loops.into_iter().map(|pair| self.tile_loop(pair)).collect();
        let body = body.into_iter().filter_map(|step| self.step(step)).collect();
        Some(Step::Tile(loops.into_iter().collect::<Option<_>>()?, body))
    }

    fn tile_loop(&mut self, pair: Match) -> Option<TileLoop> {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        let value = self.value(inner.next()?);
        let tile = self.integer(inner.next()?, "tile");
        let exceptions: Vec<_> = inner
            .map(|exception| {
                let mut inner = parts(exception);
                Some((self.mention(inner.next()?)?, self.value(inner.next()?)?))
            })
            .collect();
        Some(TileLoop { value: value?, tile: tile?, exceptions: exceptions.into_iter().collect::<Option<_>>()?, span })
    }

    fn keep(&mut self, pair: Match) -> Option<Keep> {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        let array = inner.next()?;
        let (array, mut users, mut depth) = (self.name(&array), Vec::new(), None);
        for part in inner {
            match part.as_rule() {
                Rule::depth => depth = Some(self.integer(parts(part).next()?, "number of loops")?),
                _ => users.push(self.user(part)?),
            }
        }
        Some(Keep { array, users, depth, span })
    }

    fn user(&mut self, pair: Match) -> Option<User> {
        let mut inner = parts(pair);
        let statement = self.mention(inner.next()?)?;
        Some(User { statement, accesses: inner.map(|access| self.access(access)).collect() })
    }

    fn mention(&mut self, pair: Match) -> Option<Mention> {
        let span = span_of(&pair);
        let mut inner = parts(pair);
        let label = text_of(&inner.next()?).into();
        let part = match inner.next() {
            Some(number) => Some(self.integer(number, "number of a part")?),
            None => None,
        };
        Some(Mention { label, part, span })
    }
}
