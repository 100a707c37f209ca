//! Indicators on the emulated service: identity, partial failures, finding by value; and what is refused before.

use defender_response::emulator::Emulator;
use defender_response::model::{IndicatorAction, IndicatorType};
use defender_response::{Filter, ImportOutcome, IndicatorId, NewIndicator};
use proptest::prelude::*;

use crate::script::{Script, emulated};

fn new(kind: IndicatorType, value: &str, action: IndicatorAction) -> NewIndicator {
    NewIndicator::new(kind, value, action, "INC-4711", "of the incident")
}

fn domain(value: &str) -> NewIndicator {
    new(IndicatorType::DomainName, value, IndicatorAction::Block)
}

#[tokio::test(start_paused = true)]
async fn the_same_value_type_and_action_is_an_update_and_another_action_a_second_one() {
    let (emulator, client) = emulated(Emulator::builder());
    let before = emulator.indicators().len();
    let indicators = client.indicators();
    let first = indicators.create_or_update(domain("evil.example")).await.unwrap();
    let again = indicators.create_or_update(domain("EVIL.example.")).await.unwrap();
    assert_eq!(first.id, again.id);
    let audit = new(IndicatorType::DomainName, "evil.example", IndicatorAction::Audit);
    let second = indicators.create_or_update(audit).await.unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(second.generate_alert, Some(true));
    assert_eq!(emulator.indicators().len(), before + 2);

    assert_eq!(indicators.get(&first.id).await.unwrap(), again);
    let both = indicators.list(Filter::eq("indicatorValue", "evil.example")).all().await.unwrap();
    assert_eq!(both.len(), 2);
    indicators.delete(&first.id).await.unwrap();
    assert!(indicators.delete(&first.id).await.unwrap_err().is_not_found());
    indicators.batch_delete([second.id]).await.unwrap();
    assert_eq!(emulator.indicators().len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_failing_item_of_an_import_fails_alone_and_is_told() {
    let (emulator, client) = emulated(Emulator::builder());
    emulator.fail_indicator("bad-7.example", "known good");
    let values: Vec<_> = (0..500).map(|n| domain(&format!("bad-{n}.example"))).collect();
    let outcomes = client.indicators().import(values).await.unwrap();
    for (n, outcome) in outcomes.iter().enumerate() {
        match outcome {
            ImportOutcome::Failed { reason } => assert_eq!((n, reason.as_str()), (7, "known good")),
            ImportOutcome::Accepted { .. } => assert_ne!(n, 7),
            other => panic!("{n}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_right_is_refused_before_anything_is_sent() {
    let script = Script::new();
    let indicators = script.client().indicators();
    for (indicator, part) in [
        (new(IndicatorType::IpAddress, "10.0.0.1", IndicatorAction::Block), "external"),
        (new(IndicatorType::IpAddress, "1.1.1.0/24", IndicatorAction::Block), "networks"),
        (new(IndicatorType::FileSha256, "abc", IndicatorAction::Block), "64 hex"),
        (domain("*.evil.example"), "wildcards"),
        (domain("evil\0.example"), "control"),
        (
            new(IndicatorType::Url, "https://evil.example", IndicatorAction::BlockAndRemediate),
            "takes Allowed, Audit, Warn, Block",
        ),
        (
            new(IndicatorType::CertificateThumbprint, &"a".repeat(40), IndicatorAction::Warn),
            "takes Allowed, BlockAndRemediate",
        ),
        (
            domain("evil.example").expiration_time("2020-01-01T00:00:00Z".parse().unwrap()),
            "is past",
        ),
        (
            NewIndicator::new(
                IndicatorType::DomainName,
                "evil.example",
                IndicatorAction::Block,
                " ",
                "d",
            ),
            "title is blank",
        ),
        (
            NewIndicator::new(
                IndicatorType::DomainName,
                "evil.example",
                IndicatorAction::Block,
                "t",
                "a\u{1}",
            ),
            "control",
        ),
        (new(IndicatorType::default(), "evil.example", IndicatorAction::Block), "not set"),
    ] {
        let one = indicators.create_or_update(indicator.clone()).await.unwrap_err();
        assert!(one.is_invalid_input() && one.to_string().contains(part), "{one}");
        let many = indicators.import(vec![domain("fine.example"), indicator]).await.unwrap_err();
        assert!(many.is_invalid_input() && many.to_string().contains(part), "{many}");
    }
    for count in [0, 501] {
        let too_many = vec![domain("evil.example"); count];
        let error = indicators.import(too_many).await.unwrap_err();
        assert!(error.to_string().contains("takes 1 to 500"), "{error}");
        let ids = vec!["1".parse::<IndicatorId>().unwrap(); count];
        assert!(indicators.batch_delete(ids).await.unwrap_err().is_invalid_input());
    }
    assert_eq!((script.tokens(), script.sent().len()), (0, 0));
    for id in ["", "-1", "1.5", "1 OR 1", "../machines", "123456789012345678901"] {
        assert!(id.parse::<IndicatorId>().is_err(), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_indicator_is_none() {
    for body in [
        "{}",
        r#"{"id":"7","indicatorValue":"other.example"}"#,
        r#"{"id":"7","indicatorValue":"evil.example","indicatorType":"Url"}"#,
        r#"{"id":"7","indicatorValue":"evil.example","action":"Allowed"}"#,
    ] {
        let script = Script::new().then(crate::script::json(200, body));
        let told = script.client().indicators().create_or_update(domain("evil.example")).await;
        assert!(told.is_err(), "{body}");
    }
}

#[test]
fn the_words_of_before_2022_are_written_in_todays() {
    let forced = new(IndicatorType::DomainName, "evil.example", IndicatorAction::AlertAndBlock)
        .generate_alert(false);
    let client = Script::new().client();
    let preview =
        client.preview(&defender_response::CreateOrUpdateIndicator { indicator: forced }).unwrap();
    assert!(preview.body.unwrap().contains(r#""generateAlert":true"#));
    let alert = new(IndicatorType::FileSha1, "a", IndicatorAction::Alert);
    assert_eq!(alert.action(), &IndicatorAction::Audit);
    let block = new(IndicatorType::FileSha1, "a", IndicatorAction::AlertAndBlock);
    assert_eq!(block.action(), &IndicatorAction::Block);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_filter_by_any_text_finds_exactly_that_text(texts in prop::collection::btree_set("[a-z'&#+%?/ =é😀]{1,12}", 2..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (_emulator, client) = emulated(Emulator::builder());
            let indicators = client.indicators();
            let texts: Vec<_> = texts.iter().filter(|text| !text.trim().is_empty()).collect();
            let new: Vec<_> = texts
                .iter()
                .enumerate()
                .map(|(n, title)| {
                    let kind = IndicatorType::DomainName;
                    NewIndicator::new(kind, format!("{n}.evil.example"), IndicatorAction::Block, title.as_str(), "d")
                })
                .collect();
            if !new.is_empty() {
                indicators.import(new).await.unwrap();
            }
            for title in texts {
                let found = indicators.list(Filter::eq("title", title)).all().await.unwrap();
                let titles: Vec<_> = found.into_iter().filter_map(|indicator| indicator.title).collect();
                assert_eq!(titles, std::slice::from_ref(title));
            }
        });
    }
}
