//! Operands and the operators between them, put together by how tightly those bind.

use super::tree::{Comparison, Observation};

/// From the tightest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    And,
    Or,
    FollowedBy,
}

/// What operators join: the two kinds of expression.
pub(super) trait Join: Sized {
    fn joined(operator: Operator, parts: Vec<Self>) -> Self;

    /// The parts, if it is this operator that joins them.
    fn parts(self, operator: Operator) -> Result<Vec<Self>, Self>;
}

impl Join for Observation<'_> {
    fn joined(operator: Operator, parts: Vec<Self>) -> Self {
        match operator {
            Operator::And => Self::And(parts),
            Operator::Or => Self::Or(parts),
            Operator::FollowedBy => Self::FollowedBy(parts),
        }
    }

    fn parts(self, operator: Operator) -> Result<Vec<Self>, Self> {
        match (self, operator) {
            (Self::And(parts), Operator::And)
            | (Self::Or(parts), Operator::Or)
            | (Self::FollowedBy(parts), Operator::FollowedBy) => Ok(parts),
            (other, _) => Err(other),
        }
    }
}

impl Join for Comparison<'_> {
    fn joined(operator: Operator, parts: Vec<Self>) -> Self {
        match operator {
            Operator::And => Self::And(parts),
            // Inside an observation FOLLOWEDBY is refused before it comes here.
            Operator::Or | Operator::FollowedBy => Self::Or(parts),
        }
    }

    fn parts(self, operator: Operator) -> Result<Vec<Self>, Self> {
        match (self, operator) {
            (Self::And(parts), Operator::And) | (Self::Or(parts), Operator::Or) => Ok(parts),
            (other, _) => Err(other),
        }
    }
}

/// One group while it is read: what stands left of the next operand, by the operator that will join it.
pub(super) struct Chain<T> {
    and: Option<T>,
    or: Option<T>,
    followed_by: Option<T>,
}

impl<T> Default for Chain<T> {
    fn default() -> Self {
        Self { and: None, or: None, followed_by: None }
    }
}

impl<T: Join> Chain<T> {
    /// The next operand, and the operator behind it.
    pub(super) fn push(&mut self, operand: T, operator: Operator) {
        let operand = join(self.and.take(), Operator::And, operand);
        if operator == Operator::And {
            self.and = Some(operand);
            return;
        }
        let operand = join(self.or.take(), Operator::Or, operand);
        if operator == Operator::Or {
            self.or = Some(operand);
            return;
        }
        self.followed_by = Some(join(self.followed_by.take(), Operator::FollowedBy, operand));
    }

    /// The last operand.
    pub(super) fn end(self, operand: T) -> T {
        if let Self { and: None, or: None, followed_by: None } = self {
            return operand;
        }
        let operand = join(self.and, Operator::And, operand);
        let operand = join(self.or, Operator::Or, operand);
        join(self.followed_by, Operator::FollowedBy, operand)
    }
}

/// Two operands; those of one that is joined by the same operator are taken out of it.
fn join<T: Join>(left: Option<T>, operator: Operator, right: T) -> T {
    let Some(left) = left else { return right };
    let parts = match (left.parts(operator), right.parts(operator)) {
        (Ok(mut left), Ok(right)) => {
            left.extend(right);
            left
        }
        (Ok(mut left), Err(right)) => {
            left.push(right);
            left
        }
        (Err(left), Ok(mut right)) => {
            right.insert(0, left);
            right
        }
        (Err(left), Err(right)) => vec![left, right],
    };
    T::joined(operator, parts)
}
