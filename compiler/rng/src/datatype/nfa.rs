//! Automata of regular expressions, run over all states at once: time is bounded by text times states.

use super::regex::{Expression, Set};

/// More states than this are refused.
const MAX_STATES: usize = 50_000;

#[derive(Debug, Clone, Copy)]
enum State {
    /// Takes a character of the set with this number and goes on.
    Take(u32, u32),
    /// Goes on at both.
    Split(u32, u32),
    Match,
}

/// An automaton that matches whole texts.
#[derive(Debug)]
pub(super) struct Nfa {
    states: Vec<State>,
    sets: Vec<Members>,
    start: u32,
}

/// A set of characters, made for asking.
#[derive(Debug)]
struct Members {
    ascii: u128,
    ranges: Vec<(u32, u32)>,
}

impl Members {
    fn new(set: &Set) -> Self {
        let mut ascii = 0;
        for (low, high) in set.ranges() {
            for c in *low..=(*high).min(127) {
                ascii |= 1_u128 << c;
            }
        }
        Self { ascii, ranges: set.ranges().to_vec() }
    }

    fn contains(&self, c: char) -> bool {
        let c = u32::from(c);
        if c < 128 {
            return self.ascii >> c & 1 == 1;
        }
        let later = self.ranges.partition_point(|(low, _)| *low <= c);
        later.checked_sub(1).and_then(|i| self.ranges.get(i)).is_some_and(|(_, high)| c <= *high)
    }
}

/// Makes states from the end to the beginning, so that each knows where it goes on.
pub(super) struct Builder {
    nfa: Nfa,
    known: Vec<Set>,
}

impl Builder {
    pub(super) fn build(expression: &Expression) -> Option<Nfa> {
        let nfa = Nfa { states: vec![State::Match], sets: Vec::new(), start: 0 };
        let mut builder = Self { nfa, known: Vec::new() };
        builder.nfa.start = builder.add(expression, 0)?;
        Some(builder.nfa)
    }

    fn push(&mut self, state: State) -> Option<u32> {
        let number = self.nfa.states.len();
        self.nfa.states.push(state);
        if number > MAX_STATES { None } else { u32::try_from(number).ok() }
    }

    /// The state at which `expression` begins, where `next` follows it.
    fn add(&mut self, expression: &Expression, next: u32) -> Option<u32> {
        match expression {
            Expression::Empty => Some(next),
            Expression::Set(set) => {
                let at = self.known.iter().position(|known| known == set).unwrap_or_else(|| {
                    self.known.push(set.clone());
                    self.nfa.sets.push(Members::new(set));
                    self.known.len() - 1
                });
                self.push(State::Take(u32::try_from(at).ok()?, next))
            }
            Expression::Sequence(parts) => parts.iter().rev().try_fold(next, |next, part| self.add(part, next)),
            Expression::Choice(branches) => {
                let mut starts = branches.iter().map(|branch| self.add(branch, next)).collect::<Option<Vec<u32>>>()?;
                let last = starts.pop()?;
                starts.into_iter().rev().try_fold(last, |rest, start| self.push(State::Split(start, rest)))
            }
            Expression::Repeat(part, least, most) => {
                let mut at = match most {
                    None => {
                        let again = self.push(State::Split(next, next))?;
                        let start = self.add(part, again)?;
                        *self.nfa.states.get_mut(again as usize)? = State::Split(start, next);
                        again
                    }
                    Some(most) => {
                        let mut at = next;
                        for _ in *least..*most {
                            let start = self.add(part, at)?;
                            at = self.push(State::Split(start, next))?;
                        }
                        at
                    }
                };
                for _ in 0..*least {
                    at = self.add(part, at)?;
                }
                Some(at)
            }
        }
    }
}

/// The states that are alive, each once.
struct Alive {
    list: Vec<u32>,
    /// For each state, the step at which it was added last.
    marks: Vec<u32>,
}

impl Alive {
    fn add(&mut self, states: &[State], from: u32, step: u32) {
        let mut waiting = vec![from];
        while let Some(at) = waiting.pop() {
            let Some(mark) = self.marks.get_mut(at as usize) else { continue };
            if std::mem::replace(mark, step) == step {
                continue;
            }
            match states.get(at as usize) {
                Some(State::Split(a, b)) => waiting.extend([*a, *b]),
                _ => self.list.push(at),
            }
        }
    }
}

impl Nfa {
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut alive = Alive { list: Vec::new(), marks: vec![0; self.states.len()] };
        let mut step = 1;
        alive.add(&self.states, self.start, step);
        for c in text.chars() {
            step += 1;
            for at in std::mem::take(&mut alive.list) {
                if let Some(State::Take(set, next)) = self.states.get(at as usize)
                    && self.sets.get(*set as usize).is_some_and(|set| set.contains(c))
                {
                    alive.add(&self.states, *next, step);
                }
            }
            if alive.list.is_empty() {
                return false;
            }
        }
        alive.list.iter().any(|at| matches!(self.states.get(*at as usize), Some(State::Match)))
    }
}
