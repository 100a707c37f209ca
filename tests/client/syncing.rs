//! A tenant brought in line with a feed, what is refused, and a dry run that writes nothing.

use defender_response::emulator::Emulator;
use defender_response::model::IndicatorAction;
use defender_response::stix::{self, DeletionOutcome, Plan, SourceOutcome};
use defender_response::{Client, NewIndicator};
use serde_json::json;

use crate::pushing::{
    check, check_full, domain, domains, ends, fill, options, others, plan_of, revoked, store,
    writes,
};
use crate::script::emulated;

const OURS: &str = "defender-response/feed";

fn plan(range: std::ops::Range<usize>) -> Plan {
    let objects: Vec<_> = range.map(domain).collect();
    plan_of(&objects, &options(IndicatorAction::Block))
}

async fn pushed(client: &Client, plan: &Plan) {
    assert!(client.indicators().push(plan).owner("feed").await.unwrap().is_complete());
}

#[tokio::test(start_paused = true)]
async fn what_came_is_created_what_changed_is_changed_and_what_left_is_deleted() {
    let (emulator, client) = emulated(Emulator::builder());
    pushed(&client, &plan(0..100)).await;
    assert!(
        client.indicators().push(&plan(500..510)).owner("another").await.unwrap().is_complete()
    );
    let new = NewIndicator::new(
        defender_response::model::IndicatorType::DomainName,
        "d3.evil.example",
        IndicatorAction::Allowed,
        "by hand",
        "why",
    );
    client.indicators().create_or_update(new).await.unwrap();
    let before = others(&emulator, OURS);
    let mut objects: Vec<_> = (20..110).map(domain).collect();
    objects.push(revoked(domain(19)));
    let next = plan_of(&objects, &options(IndicatorAction::Block));
    let report = client.indicators().sync(&next, "feed").await.unwrap();
    check(&emulator, &next, &report, &before);
    let told = [
        (SourceOutcome::Accepted, 10),
        (SourceOutcome::Unchanged, 80),
        (SourceOutcome::Deleted, 1),
    ];
    assert_eq!(ends(&report), told);
    assert_eq!(report.departed().len(), 19);
    let gone =
        |result: &stix::DeletionResult| matches!(result.outcome, DeletionOutcome::Deleted { .. });
    assert!(report.departed().iter().all(gone) && report.is_complete());
    assert_eq!(report.departed()[0].value, "d0.evil.example");
    assert_eq!(store(&emulator, OURS).0.len(), 90);
    assert!(report.to_string().contains("Left the feed:"), "{report}");

    let again = client.indicators().sync(&next, "feed").await.unwrap();
    assert!(again.departed().is_empty() && again.is_complete());
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_is_incomplete_or_empty_is_refused_whatever_is_allowed() {
    let (emulator, client) = emulated(Emulator::builder());
    pushed(&client, &plan(0..10)).await;
    let sent = writes(&emulator);
    let cut = serde_json::to_string(&[domain(0), domain(1)]).unwrap();
    let cut = stix::plan(&cut.as_bytes()[..cut.len() - 5], &options(IndicatorAction::Block));
    let cut = cut.unwrap_err().into_plan().unwrap();
    let page = json!({"more": true, "objects": [domain(0)]}).to_string();
    let page = stix::plan(page.as_bytes(), &options(IndicatorAction::Block)).unwrap();
    let mutex = crate::pushing::object("0", "[mutex:name = 'm']");
    let none = plan_of(&[mutex], &options(IndicatorAction::Block));
    let gone: Vec<_> = (0..10).map(|n| revoked(domain(n))).collect();
    let gone = plan_of(&gone, &options(IndicatorAction::Block));
    for (plan, part) in
        [(&cut, "whole"), (&page, "whole"), (&none, "no indicators"), (&gone, "no indicators")]
    {
        let told =
            client.indicators().sync(plan, "feed").allow_deletes(usize::MAX).await.unwrap_err();
        assert!(told.is_conflict() && told.to_string().contains(part), "{told}");
    }
    assert_eq!((writes(&emulator), store(&emulator, OURS).0.len()), (sent, 10));
    let report = client.indicators().push(&cut).owner("feed").await.unwrap();
    assert_eq!(ends(&report), [(SourceOutcome::Unchanged, 1)], "pushing it does no harm");
}

#[tokio::test(start_paused = true)]
async fn too_many_deletions_are_refused_before_anything_is_changed() {
    for (had, may) in [(100, 50), (900, 90)] {
        let (emulator, client) = emulated(Emulator::builder());
        pushed(&client, &plan(0..had)).await;
        let sent = writes(&emulator);
        let too_few = plan(may + 1..had + 1);
        let told = client.indicators().sync(&too_few, "feed").await.unwrap_err();
        let what = format!("would delete {} of {had} indicators, and {may} are allowed", may + 1);
        assert!(told.is_conflict() && told.to_string().contains(&what), "{told}");
        assert_eq!(writes(&emulator), sent);
        let refused = client.indicators().sync(&too_few, "feed").allow_deletes(may);
        assert!(refused.await.unwrap_err().is_conflict());

        // What the feed revokes counts too.
        let mut objects: Vec<_> = (may..had).map(domain).collect();
        objects.push(revoked(domain(0)));
        objects.push(revoked(domain(had - 1)));
        objects.retain(|o| o["id"] != domain(had - 1)["id"] || o["revoked"] == true);
        let revoking = plan_of(&objects, &options(IndicatorAction::Block));
        assert!(client.indicators().sync(&revoking, "feed").await.unwrap_err().is_conflict());

        let enough = client.indicators().sync(&plan(may..had), "feed").await.unwrap();
        assert!(enough.departed().len() == may && enough.is_complete());
        let said = client.indicators().sync(&plan(0..1), "feed").allow_deletes(had).await.unwrap();
        assert!(said.is_complete());
        assert_eq!(store(&emulator, OURS).0.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_leaves_makes_room_where_there_is_too_little() {
    let (emulator, client) = emulated(Emulator::builder());
    pushed(&client, &plan(0..40)).await;
    fill(&emulator, 0);
    let next = plan(40..80);
    let report = client.indicators().sync(&next, "feed").await.unwrap();
    check_full(&emulator, &next, &report, 0);
    assert_eq!(ends(&report), [(SourceOutcome::Accepted, 40)]);
    assert!(report.is_complete());
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_tells_what_would_be_and_writes_nothing() {
    let (emulator, client) = emulated(Emulator::builder());
    pushed(&client, &plan(0..30)).await;
    let audit = plan_of(&[domain(30)], &options(IndicatorAction::Audit));
    pushed(&client, &audit).await;
    let before = emulator.indicators();
    let mut objects: Vec<_> = (10..1210).map(domain).collect();
    objects.push(revoked(domain(0)));
    let next = plan_of(&objects, &options(IndicatorAction::Block));
    emulator.clear_journal();
    let report = client.indicators().sync(&next, "feed").dry_run().await.unwrap();
    let told = [
        (SourceOutcome::Unchanged, 20),
        (SourceOutcome::WouldSend, 1180),
        (SourceOutcome::WouldDelete, 1),
    ];
    assert_eq!(ends(&report), told);
    assert!(report.is_dry_run() && report.to_string().contains("nothing was changed"));
    assert_eq!(report.departed().len(), 9);
    assert!(report.departed().iter().all(|r| r.outcome.as_str() == "would_delete"));
    let journal = emulator.journal();
    assert!(journal.iter().all(|entry| !entry.effect));
    assert_eq!(writes(&emulator), 0, "not even refused ones arrive: {journal:?}");
    assert_eq!(emulator.indicators(), before);

    let push = client.indicators().push(&next).owner("feed").dry_run().await.unwrap();
    assert_eq!(ends(&push), told);
    assert!(push.departed().is_empty() && writes(&emulator) == 0);
    let real = client.indicators().sync(&next, "feed").await.unwrap();
    assert_eq!(ends(&real)[0], (SourceOutcome::Accepted, 1180), "what it said it would do");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_counts_the_room_as_if_it_were_real() {
    let (emulator, client) = emulated(Emulator::builder());
    fill(&emulator, 600);
    let dry = client.indicators().push(&domains(1200)).dry_run().await.unwrap();
    assert_eq!(ends(&dry), [(SourceOutcome::NoRoom, 600), (SourceOutcome::WouldSend, 600)]);
}
