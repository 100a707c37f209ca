//! What an update of an alert says, which pairs it allows, and whether an answer shows it.

use serde_json::{Map, Value};

use crate::actions::Comment;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Alert, AlertStatus, Classification, Determination};
use crate::operation::Safety;

/// What changes about an alert: at least one thing.
///
/// ```
/// use defender_response::AlertUpdate;
/// use defender_response::model::{Classification, Determination};
///
/// let update = AlertUpdate::new()
///     .assigned_to("responder@corp.example")
///     .classify(Classification::InformationalExpectedActivity, Determination::SecurityTesting);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct AlertUpdate {
    status: Option<AlertStatus>,
    assigned_to: Option<String>,
    classification: Option<Classification>,
    determination: Option<Determination>,
    comment: Option<Comment>,
    any_pair: bool,
    only_if: Option<Condition>,
    key: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    status: AlertStatus,
    assigned_to: Option<String>,
}

impl AlertUpdate {
    /// An update that changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets where the alert stands.
    pub fn status(mut self, status: AlertStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets who works on it.
    pub fn assigned_to(mut self, who: impl Into<String>) -> Self {
        self.assigned_to = Some(who.into());
        self
    }

    /// Sets what it turned out to be and what lies behind that. A determination of another classification
    /// is refused, unless [`any_pair`](Self::any_pair) is said.
    pub fn classify(self, what: Classification, why: Determination) -> Self {
        self.classification(what).determination(why)
    }

    /// Sets what it turned out to be.
    pub fn classification(mut self, what: Classification) -> Self {
        self.classification = Some(what);
        self
    }

    /// Sets what lies behind the classification.
    pub fn determination(mut self, why: Determination) -> Self {
        self.determination = Some(why);
        self
    }

    /// Adds a comment, with a reference before it unless the client leaves that off.
    pub fn comment(mut self, comment: impl Into<Comment>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Sends any pair of classification and determination. The documentation pairs them, and its own example
    /// breaks the pairing; whether the service enforces it isn't shown.
    pub fn any_pair(mut self) -> Self {
        self.any_pair = true;
        self
    }

    /// Updates only if the alert has this status and is assigned to this person (`None`: to nobody), so that
    /// no analyst's work is overwritten. The alert is read just before; between the two another update may
    /// still slip in, since the service offers nothing better.
    pub fn only_if(mut self, status: AlertStatus, assigned_to: Option<&str>) -> Self {
        self.only_if = Some(Condition { status, assigned_to: assigned_to.map(str::to_owned) });
        self
    }

    /// Knows the update by this key, in other processes too, as [`MachineHandle::keyed`](crate::MachineHandle::keyed)
    /// does: the alert is read before, and one that shows the comment under this key isn't updated again. It takes a
    /// comment: what an update sets otherwise can be set twice.
    pub fn keyed(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref().filter(|_| self.comment.is_some())
    }

    /// All that it says, which its key is bound to.
    pub(super) fn arguments(&self) -> [&str; 5] {
        [
            self.status.as_ref().map_or("", AlertStatus::as_str),
            self.assigned_to.as_deref().unwrap_or_default(),
            self.classification.as_ref().map_or("", Classification::as_str),
            self.determination.as_ref().map_or("", Determination::as_str),
            self.comment.as_ref().map_or("", Comment::text),
        ]
    }

    pub(super) fn comment_mut(&mut self) -> Option<&mut Comment> {
        self.comment.as_mut()
    }

    pub(super) fn reference(&self) -> Option<&str> {
        self.comment.as_ref().and_then(Comment::reference)
    }

    pub(super) fn has_condition(&self) -> bool {
        self.only_if.is_some()
    }

    pub(super) fn safety(&self) -> Safety {
        if self.comment.is_some() { Safety::Once } else { Safety::Idempotent }
    }

    /// The body, with lower-case names.
    pub(super) fn body(&self) -> Result<Map<String, Value>> {
        let mut body = Map::new();
        if let Some(status) = &self.status {
            use AlertStatus::{InProgress, New, Resolved};
            settable("status", status.as_str(), matches!(status, New | InProgress | Resolved))?;
            body.insert("status".into(), status.as_str().into());
        }
        if let Some(who) = &self.assigned_to {
            if who.chars().count() > 320 || who.chars().any(char::is_control) {
                return Err(Error::invalid_input(
                    "assigned-to is over-long or holds control characters",
                ));
            }
            body.insert("assignedTo".into(), who.as_str().into());
        }
        if let Some(what) = &self.classification {
            settable("classification", what.as_str(), determinations_of(what).is_some())?;
            body.insert("classification".into(), what.as_str().into());
        }
        if let Some(why) = &self.determination {
            let known = !matches!(why, Determination::Unrecognized(_));
            settable("determination", why.as_str(), known)?;
            self.check_pair(why)?;
            body.insert("determination".into(), why.as_str().into());
        }
        if let Some(comment) = &self.comment {
            body.insert("comment".into(), comment.render()?.into());
        }
        if body.is_empty() {
            return Err(Error::invalid_input(
                "the update changes nothing: set a status, an assignee, a classification, a determination or a comment",
            ));
        }
        Ok(body)
    }

    fn check_pair(&self, why: &Determination) -> Result<()> {
        let Some(what) = self.classification.as_ref().filter(|_| !self.any_pair) else {
            return Ok(());
        };
        let allowed = determinations_of(what).unwrap_or_default();
        if allowed.contains(why) {
            return Ok(());
        }
        let allowed: Vec<_> = allowed.iter().map(Determination::as_str).collect();
        Err(Error::invalid_input(format!(
            "{why} doesn't go with {what}, which takes {}; any_pair() sends it all the same",
            allowed.join(", ")
        )))
    }

    /// Whether the alert is as the condition wants it.
    pub(super) fn check_against(&self, alert: &Alert) -> Result<()> {
        let Some(condition) = &self.only_if else { return Ok(()) };
        let assigned_to = alert.assigned_to.as_deref().filter(|who| !who.trim().is_empty());
        let same_person = match (&condition.assigned_to, assigned_to) {
            (Some(wanted), Some(found)) => wanted.eq_ignore_ascii_case(found),
            (None, None) => true,
            _ => false,
        };
        if condition.status == alert.status && same_person {
            return Ok(());
        }
        let whom = |who: Option<&str>| who.map_or("nobody".to_owned(), str::to_owned);
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "the alert is {} and assigned to {}, where {} and {} were expected; nothing was changed",
                alert.status,
                whom(assigned_to),
                condition.status,
                whom(condition.assigned_to.as_deref()),
            ),
        )
        .of("update_alert", alert.id.as_str()))
    }

    /// Whether the alert shows everything that was asked for.
    fn shows_in(&self, alert: &Alert) -> bool {
        // Without a reference, an equal text may be anybody's.
        let comment_shows = |comment: &Comment| {
            comment.has_reference()
                && comment.render().is_ok_and(|text| {
                    alert.comments.iter().any(|c| c.comment.as_deref() == Some(&*text))
                })
        };
        self.status.as_ref().is_none_or(|status| *status == alert.status)
            && self.assigned_to.as_ref().is_none_or(|who| {
                alert.assigned_to.as_deref().unwrap_or_default().eq_ignore_ascii_case(who)
            })
            && (self.classification.is_none() || self.classification == alert.classification)
            && self.determination.as_ref().is_none_or(|why| {
                // Answers may use another of the names in circulation.
                alert.determination.as_ref().is_some_and(|d| d.as_str().parse() == Ok(why.clone()))
            })
            && self.comment.as_ref().is_none_or(comment_shows)
    }
}

/// The determinations that go with a classification; `None` for one that can't be set.
fn determinations_of(classification: &Classification) -> Option<&'static [Determination]> {
    use Determination as D;
    Some(match classification {
        Classification::TruePositive => &[
            D::MultiStagedAttack,
            D::MaliciousUserActivity,
            D::CompromisedUser,
            D::Malware,
            D::Phishing,
            D::UnwantedSoftware,
            D::Other,
        ],
        Classification::InformationalExpectedActivity => {
            &[D::SecurityTesting, D::LineOfBusinessApplication, D::ConfirmedActivity, D::Other]
        }
        Classification::FalsePositive => &[D::NotMalicious, D::InsufficientData, D::Other],
        Classification::Unknown | Classification::Unrecognized(_) => return None,
    })
}

fn settable(member: &str, value: &str, known: bool) -> Result<()> {
    if known {
        return Ok(());
    }
    Err(Error::invalid_input(format!("{value:?} can be read as a {member}, and not set")))
}

/// An alert as the service answered an update.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct UpdatedAlert {
    alert: Alert,
    confirmed: bool,
    adopted: bool,
}

impl UpdatedAlert {
    pub(super) fn judge(alert: Alert, update: &AlertUpdate) -> Self {
        let confirmed = update.shows_in(&alert);
        Self { alert, confirmed, adopted: false }
    }

    pub(super) fn adopted(alert: Alert) -> Self {
        Self { alert, confirmed: true, adopted: true }
    }

    /// Whether it was updated under the same [key](AlertUpdate::keyed) before, so that nothing was sent now. What has changed
    /// since is as the alert shows it.
    #[must_use]
    pub fn is_adopted(&self) -> bool {
        self.adopted
    }

    /// The alert as it was in the answer.
    #[must_use]
    pub fn alert(&self) -> &Alert {
        &self.alert
    }

    /// Whether the answer shows everything that was asked for; a comment without a reference never shows. Answers with the values from before have been
    /// seen, so `false` means *not shown*, not *not done*: read the alert again.
    #[must_use]
    pub fn confirmed(&self) -> bool {
        self.confirmed
    }

    /// The alert alone.
    #[must_use]
    pub fn into_alert(self) -> Alert {
        self.alert
    }
}
