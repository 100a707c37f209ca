//! The switches: one for each point at which the public pages are silent or disagree, and a few that
//! make the world harsher. The defaults are what the newest recordings show.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::setting::{Offset, Setting, Switch, SwitchError, choice, switches};

choice!(Duplicate { SameAction = "same_action", Refused = "refused", Stuck = "stuck" });
choice!(DuplicateStatus { Created = "201", Ok = "200" });
choice!(Verdict { Accepted = "accepted", Refused = "refused" });
choice!(DefaultIsolation { Full = "full", Selective = "selective", Refused = "refused" });
choice!(LongComment { Accepted = "accepted", Cut = "cut", Refused = "refused" });
choice!(ExternalId { Ignored = "ignored", Kept = "kept", Refused = "refused" });
choice!(CancelLate { Refused = "refused", Lost = "lost", Cancelled = "cancelled" });
choice!(Requestor { Name = "name", Id = "id" });
choice!(Shown { Null = "null", Filled = "filled" });
choice!(Wording { Current = "current", Old = "2021" });
choice!(Unlicensed {
    DisabledFeature = "disabled_feature",
    DisallowedOperation = "disallowed_operation",
    Unauthorized = "unauthorized",
    Accepted = "accepted",
});

choice!(Window { Sliding = "sliding", Fixed = "fixed" });
choice!(RetryHeader { Seconds = "seconds", Date = "date", Absent = "absent" });
choice!(ThrottleBody { Envelope = "envelope", Text = "text", Empty = "empty" });
choice!(PatchAnswer { New = "new", Old = "old" });
choice!(PatchTags { Append = "append", Replace = "replace" });
choice!(EmptyList { Ok = "ok", NotFound = "not_found" });
choice!(DeterminationNames { Any = "any", UpdateAlert = "update_alert", Elsewhere = "elsewhere" });
choice!(BatchDelete { Atomic = "atomic", Partial = "partial" });
choice!(BadItem { Fails = "item_failed", RefusesBatch = "batch_refused" });
choice!(FailedId { Null = "null", Empty = "empty" });
choice!(GovAudience { None = "none", Principal = "principal", Base = "base", Both = "both" });
choice!(ForeignHost {
    Served = "served",
    Unauthorized = "unauthorized",
    NotFound = "not_found",
    Redirected = "redirected",
});

/// Comments longer than this are long, for the switch `long_comment`.
pub(crate) const LONG_COMMENT: usize = 1000;

switches! {
    /// how long an action takes, from accepted to Succeeded
    settle: Duration = Duration::from_secs(2);
    /// how long each request takes on the way, there and back
    latency: Duration = Duration::ZERO;
    /// how far the service's clock is off (shown in `Date` and in every time it writes)
    clock_offset: Offset = Offset::default();
    /// a second action of a kind that is still running: the running one is returned, 400
    /// ActiveRequestAlreadyExists, or (isolate only) a new one that stays Pending until the host is
    /// released and then fires
    duplicate_action: Duplicate = Duplicate::SameAction;
    /// the status with which a running action is returned
    duplicate_status: DuplicateStatus = DuplicateStatus::Created;
    /// a release while the isolation is still running, or lifting a restriction likewise
    opposite_action: Verdict = Verdict::Refused;
    /// a release of a host that isn't isolated by the service's records
    unisolate_not_isolated: Verdict = Verdict::Accepted;
    /// the IsolationType of an isolation that names none
    isolation_type_default: DefaultIsolation = DefaultIsolation::Full;
    /// a comment of more than 1,000 characters
    long_comment: LongComment = LongComment::Accepted;
    /// a member ExternalId in the body of an action
    external_id: ExternalId = ExternalId::Ignored;
    /// cancelling an action that the device has already begun: 400; 200 although it goes on to
    /// Succeeded; or Cancelled
    cancel_in_progress: CancelLate = CancelLate::Refused;
    /// whether the role Machine.CollectForensics is enough to cancel
    collect_forensics_cancels: bool = true;
    /// how an application is named as the requestor of an action
    requestor: Requestor = Requestor::Name;
    /// the scope in the answer to a submission (later reads always have it)
    scope_on_create: Shown = Shown::Null;
    /// computerDnsName in the answer to a submission
    name_on_create: Shown = Shown::Filled;
    /// the text of a 403 for want of a role
    forbidden_wording: Wording = Wording::Current;
    /// restricting code execution in a tenant with Plan 1
    unlicensed_restrict: Unlicensed = Unlicensed::DisabledFeature;
    /// unknown members and enum values in answers
    novelty: bool = false;
    /// whether quotas are enforced
    quota: bool = true;
    /// whether quota windows slide or begin on the minute and the hour
    quota_window: Window = Window::Sliding;
    /// Retry-After of a 429
    retry_after: RetryHeader = RetryHeader::Seconds;
    /// the body of a 429
    throttle_body: ThrottleBody = ThrottleBody::Envelope;
    /// how long a new action is missing from the list
    list_lag: Duration = Duration::ZERO;
    /// for how long a list still shows an action that has ended as it was before
    status_lag: Duration = Duration::ZERO;
    /// whether a list that was cut carries @odata.nextLink
    next_link: bool = false;
    /// how many items a page of a list holds at most
    page_size: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);
    /// a list of machines that would be empty
    empty_machine_list: EmptyList = EmptyList::Ok;
    /// PATCH of a machine's tags
    patch_tags: PatchTags = PatchTags::Append;
    /// whether the API lists what automatic attack disruption does
    automatic_actions_listed: bool = true;
    /// the values in the answer to a PATCH of an alert
    patch_answer: PatchAnswer = PatchAnswer::New;
    /// whether an alert's fields may be written in any case
    alert_field_case: bool = true;
    /// the names of determinations: those of update-alert, those of the other pages, or any
    determination_names: DeterminationNames = DeterminationNames::Any;
    /// whether a determination has to go with its classification
    determination_pairing: bool = false;
    /// whether two indicators that differ only in device groups are two
    indicator_scope_in_key: bool = true;
    /// how many active indicators a tenant may have
    indicator_limit: usize = 15_000;
    /// whether an app with Ti.ReadWrite alone may change its own indicators only
    own_changes_only: bool = true;
    /// whether the role Ti.Read.All lets an app read all indicators
    ti_read_all: bool = false;
    /// one bad item in an import: fails alone, or the whole batch is refused
    import_bad_item: BadItem = BadItem::Fails;
    /// the id of a failed item
    failed_item_id: FailedId = FailedId::Null;
    /// whether a failed item says why
    failure_reason: bool = true;
    /// an import of nothing
    empty_import: Verdict = Verdict::Accepted;
    /// a batch delete with a missing id: deletes none, or the others
    batch_delete: BatchDelete = BatchDelete::Atomic;
    /// an indicator that expired before it was submitted
    expired_indicator: Verdict = Verdict::Accepted;
    /// indicators of type FileMd5
    file_md5: Verdict = Verdict::Accepted;
    /// the action Block for a certificate
    certificate_block: Verdict = Verdict::Refused;
    /// the action BlockAndRemediate for addresses, domains and URLs
    network_block_and_remediate: Verdict = Verdict::Refused;
    /// the actions Alert and AlertAndBlock
    legacy_actions: Verdict = Verdict::Refused;
    /// the longest title of an indicator; 0: any
    title_limit: usize = 0;
    /// the longest description of an indicator; 0: any
    description_limit: usize = 0;
    /// the longest URL in an indicator; 0: any
    url_limit: usize = 0;
    /// which audiences of the government clouds the token endpoint knows
    gov_audience: GovAudience = GovAudience::None;
    /// what the host of another region answers to a tenant with a region of its own
    foreign_host: ForeignHost = ForeignHost::Served;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_listed_value_can_be_set_and_is_shown_again() {
        let mut switches = Switches::default();
        for switch in Switches::default().list() {
            let words: Vec<_> =
                switch.takes.iter().filter(|w| !w.contains(char::is_uppercase)).collect();
            for word in words {
                assert_eq!(switches.set(switch.name, word), Ok(()));
                let now = switches.list().into_iter().find(|s| s.name == switch.name);
                assert_eq!(now.map(|s| s.value).as_deref(), Some(*word));
            }
        }
    }

    #[test]
    fn a_wrong_name_or_value_says_what_would_be_right() {
        let mut switches = Switches::default();
        let name = switches.set("duplicates", "refused").map_err(|e| e.to_string());
        assert!(name.is_err_and(|e| e.contains("duplicate_action")));
        let value = switches.set("duplicate_action", "no").map_err(|e| e.to_string());
        assert!(value.is_err_and(|e| e.contains("same_action or refused or stuck")));
    }

    #[test]
    fn seconds_may_have_a_fraction_and_an_offset_a_sign() {
        let mut switches = Switches::default();
        assert_eq!(switches.set("settle", "0.25"), Ok(()));
        assert_eq!(switches.settle, Duration::from_millis(250));
        assert_eq!(switches.set("clock_offset", "-300"), Ok(()));
        assert_eq!(switches.clock_offset.behind, Duration::from_secs(300));
        assert!(switches.set("settle", "-1").is_err());
        assert!(switches.set("settle", "inf").is_err());
    }
}
