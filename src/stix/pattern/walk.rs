//! From left to right through a tree, without recursion.

use std::iter::FusedIterator;
use std::slice;

use super::tree::{Comparison, Observation, Test};

impl<'a> Observation<'a> {
    /// The comparison of each `[..]`, from left to right, whatever joins and qualifies them.
    pub fn comparisons(&self) -> Comparisons<'_, 'a> {
        Comparisons { next: Some(self), rest: Vec::new() }
    }

    /// All tests, from left to right, whatever joins them.
    pub fn tests(&self) -> Tests<'_, 'a> {
        Tests { current: None, rest: self.comparisons() }
    }
}

impl<'a> Comparison<'a> {
    /// All tests, from left to right, whatever joins them.
    pub fn tests(&self) -> Tests<'_, 'a> {
        let nothing = Comparisons { next: None, rest: Vec::new() };
        Tests { current: Some(Branches { next: Some(self), rest: Vec::new() }), rest: nothing }
    }
}

/// The comparisons of an [`Observation`], from left to right.
#[derive(Clone, Debug)]
#[must_use = "an iterator does nothing until it is used"]
pub struct Comparisons<'t, 'a> {
    next: Option<&'t Observation<'a>>,
    rest: Vec<slice::Iter<'t, Observation<'a>>>,
}

impl<'t, 'a> Iterator for Comparisons<'t, 'a> {
    type Item = &'t Comparison<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(here) = self.next.take() else {
                self.next = self.rest.last_mut()?.next();
                if self.next.is_none() {
                    self.rest.pop();
                }
                continue;
            };
            match here {
                Observation::Of(comparison) => return Some(comparison),
                Observation::And(parts)
                | Observation::Or(parts)
                | Observation::FollowedBy(parts) => self.rest.push(parts.iter()),
                Observation::Qualified(inner, _) => self.next = Some(inner),
            }
        }
    }
}

impl FusedIterator for Comparisons<'_, '_> {}

/// The tests of an [`Observation`] or a [`Comparison`], from left to right.
#[derive(Clone, Debug)]
#[must_use = "an iterator does nothing until it is used"]
pub struct Tests<'t, 'a> {
    current: Option<Branches<'t, 'a>>,
    rest: Comparisons<'t, 'a>,
}

impl<'t, 'a> Iterator for Tests<'t, 'a> {
    type Item = &'t Test<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(test) = self.current.as_mut().and_then(Branches::next) {
                return Some(test);
            }
            self.current = Some(Branches { next: Some(self.rest.next()?), rest: Vec::new() });
        }
    }
}

impl FusedIterator for Tests<'_, '_> {}

#[derive(Clone, Debug)]
struct Branches<'t, 'a> {
    next: Option<&'t Comparison<'a>>,
    rest: Vec<slice::Iter<'t, Comparison<'a>>>,
}

impl<'t, 'a> Branches<'t, 'a> {
    fn next(&mut self) -> Option<&'t Test<'a>> {
        loop {
            let Some(here) = self.next.take() else {
                self.next = self.rest.last_mut()?.next();
                if self.next.is_none() {
                    self.rest.pop();
                }
                continue;
            };
            match here {
                Comparison::Test(test) => return Some(test),
                Comparison::And(parts) | Comparison::Or(parts) => self.rest.push(parts.iter()),
            }
        }
    }
}
