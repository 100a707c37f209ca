//! Finding the one machine that is meant, and no other.

use std::net::{IpAddr, Ipv4Addr};

use defender_response::{Error, Find};

use crate::script::{Script, error, json};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

fn machines(list: &[&str]) -> Script {
    Script::new().then(json(200, &format!(r#"{{"value":[{}]}}"#, list.join(","))))
}

fn machine(id: u8, name: &str, more: &str) -> String {
    format!(r#"{{"id":"{id:040x}","computerDnsName":"{name}"{more}}}"#)
}

const ACTIVE: &str =
    r#","onboardingStatus":"Onboarded","healthStatus":"Active","lastSeen":"2026-02-01T00:00:00Z""#;

async fn find(script: &Script, find: Find) -> Result<String, Error> {
    let found = script.client().machines().find(find).await?;
    Ok(found.computer_dns_name.unwrap_or_default())
}

#[tokio::test]
async fn a_name_is_matched_whole_whatever_the_service_lists() {
    let listed = [
        machine(1, "dc1.corp.example", ""),
        machine(2, "dc10.corp.example", ""),
        machine(3, "xdc1.corp.example", ""),
    ];
    let listed: Vec<_> = listed.iter().map(String::as_str).collect();
    for name in ["dc1", "DC1", "dc1.corp.example", "DC1.Corp.Example."] {
        assert_eq!(
            find(&machines(&listed), Find::name(name)).await.unwrap(),
            "dc1.corp.example",
            "{name}"
        );
    }
    let nobody = machines(&listed).then(error(404, "ResourceNotFound", "no machine"));
    assert!(find(&nobody, Find::name("dc")).await.unwrap_err().is_not_found());
    let sent = nobody.sent();
    assert!(
        sent[0].uri().query().unwrap().contains("computerDnsName%20eq%20%27dc%27"),
        "{:?}",
        sent[0]
    );
}

#[tokio::test]
async fn a_name_in_mixed_case_is_found_by_its_path() {
    let script = machines(&[]).then(json(200, &machine(1, "C-Lab-31", "")));
    assert_eq!(find(&script, Find::name("c-lab-31")).await.unwrap(), "C-Lab-31");
    let script = machines(&[]).then(json(200, &machine(1, "C-Lab-310", "")));
    assert!(find(&script, Find::name("c-lab-31")).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn several_matches_are_an_error_that_lists_them() {
    let twins = [machine(1, "ws-1.corp.example", ACTIVE), machine(2, "ws-1.corp.example", "")];
    let twins: Vec<_> = twins.iter().map(String::as_str).collect();
    let told = find(&machines(&twins), Find::name("ws-1")).await.unwrap_err();
    assert!(told.is_ambiguous(), "{told}");
    assert_eq!(told.candidates().len(), 2);
    let text = told.to_string();
    assert!(
        text.contains("last seen 2026-02-01")
            && text.contains("never seen")
            && text.contains("Onboarded"),
        "{text}"
    );
}

#[tokio::test]
async fn newest_active_passes_over_merged_inactive_and_older_entries() {
    let entries = [
        machine(1, "ws-1", ACTIVE),
        machine(2, "ws-1", &ACTIVE.replace("2026-02", "2026-03")),
        machine(
            3,
            "ws-1",
            &format!(
                r#"{},"mergedIntoMachineId":"{:040x}""#,
                ACTIVE.replace("2026-02", "2026-04"),
                2
            ),
        ),
        machine(
            4,
            "ws-1",
            &ACTIVE.replace("2026-02", "2026-05").replace(r#""Active""#, r#""Inactive""#),
        ),
        machine(
            5,
            "ws-1",
            &ACTIVE.replace("2026-02", "2026-06").replace("Onboarded", "CanBeOnboarded"),
        ),
    ];
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    let script = machines(&entries);
    let found = script.client().machines().find(Find::name("ws-1").newest_active()).await.unwrap();
    assert_eq!(found.id.as_str(), format!("{:040x}", 2));

    let told =
        find(&machines(&entries[2..]), Find::name("ws-1").newest_active()).await.unwrap_err();
    assert!(told.is_not_found() && told.candidates().len() == 3, "{told}");
}

#[tokio::test]
async fn a_tag_is_matched_whole() {
    let tagged = [
        machine(1, "a", r#","machineTags":["tier 0"]"#),
        machine(2, "b", r#","machineTags":["tier 0 backup"]"#),
    ];
    let tagged: Vec<_> = tagged.iter().map(String::as_str).collect();
    assert_eq!(find(&machines(&tagged), Find::tag("tier 0")).await.unwrap(), "a");
    assert!(find(&Script::new(), Find::tag(" ")).await.unwrap_err().is_invalid_input());
}

#[tokio::test]
async fn an_address_is_looked_up_now_or_then() {
    assert_eq!(find(&machines(&[&machine(1, "a", "")]), Find::ip(ADDRESS)).await.unwrap(), "a");
    let then = Find::ip_at(ADDRESS, "2026-01-01T00:00:00Z".parse().unwrap());
    let script = machines(&[&machine(1, "a", "")]);
    find(&script, then).await.unwrap();
    assert!(script.sent()[0].uri().path().contains("timestamp=2026-01-01T00:00:00Z"));
    let nobody = Script::new().then(error(404, "ResourceNotFound", "none"));
    assert!(find(&nobody, Find::ip(ADDRESS)).await.unwrap_err().is_not_found());
    let wrong_path = Script::new().then(error(404, "NotFound", "No HTTP resource"));
    assert!(find(&wrong_path, Find::ip(ADDRESS)).await.unwrap_err().code() == Some("NotFound"));
}

#[tokio::test]
async fn a_part_of_the_matches_is_not_taken_for_all() {
    let page = format!(
        r#"{{"value":[{}],"@odata.nextLink":"https://api.securitycenter.microsoft.com/api/x?t=1"}}"#,
        machine(1, "a", "")
    );
    let script = Script::new().then(json(200, &page));
    assert!(find(&script, Find::ip(ADDRESS).newest_active()).await.unwrap_err().is_service());
}
