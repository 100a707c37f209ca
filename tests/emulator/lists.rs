//! Lists: filters, order, pages, what moves while they are read.

use std::time::Duration;

use defender_response::emulator::{Emulator, EmulatorBuilder, MachineSetup};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::plain::{Plain, WORKSTATION, both_fronts, on_test_clock, seconds};

#[tokio::test]
async fn the_filters_of_the_pages_and_of_public_clients_work_on_machines() {
    let (emulator, _listening, clients) = both_fronts().await;
    for client in clients {
        let client = client.sign_in(&emulator).await;
        for (filter, found) in [
            ("startswith(computerDnsName,'ws-')", 2),
            ("ComputerDnsName eq 'dc-01.corp.example'", 1),
            ("deviceValue eq 'High' and osPlatform eq 'WindowsServer2022'", 1),
            ("osPlatform in ('macOS','Linux')", 2),
            ("machineTags/any(tag: tag eq 'vpn')", 1),
            ("lastSeen gt 2018-08-01Z", 6),
            ("healthStatus ne 'Active'", 0),
        ] {
            let list = client.list("/API/machines", &[("$filter", filter)]).await;
            assert_eq!((list.status, list.each("id").len()), (200, found), "{filter}");
        }
        let refused = client.list("/api/machines", &[("$filter", "name eq 'x'")]).await;
        assert_eq!((refused.status, refused.code()), (400, "ODataError"));
    }
}

#[tokio::test]
async fn machines_are_found_by_address_and_by_tag() {
    let emulator = Emulator::new();
    let client = Plain::signed_in(&emulator).await;
    let now = defender_response::Timestamp::from(std::time::SystemTime::now());
    let find = async |ip: &str, time: &str| {
        client.get(&format!("/api/machines/findbyip(ip='{ip}',timestamp={time})")).await
    };
    assert_eq!(find("10.20.4.42", &now.to_string()).await.each("id"), [WORKSTATION]);
    assert_eq!(find("10.9.9.9", &now.to_string()).await.each("id").len(), 0);
    assert_eq!(find("10.20.4.42", "2019-09-22T08:44:05Z").await.status, 400);
    assert_eq!(find("ten", &now.to_string()).await.code(), "InvalidIpAddress");

    let by_tag = "/api/machines/findbytag";
    let exact = client.list(by_tag, &[("tag", "finance")]).await;
    assert_eq!(exact.each("id"), [WORKSTATION]);
    let start = client.list(by_tag, &[("tag", "domain"), ("useStartsWithFilter", "true")]).await;
    assert_eq!(start.each("computerDnsName"), ["dc-01.corp.example"]);
    assert_eq!(client.get(by_tag).await.status, 400);
    let none = client.list(by_tag, &[("tag", "no such")]).await;
    assert_eq!((none.status, &none.json["value"]), (200, &json!([])));
    emulator.set("empty_machine_list", "not_found").expect("a switch");
    assert_eq!(client.list(by_tag, &[("tag", "no such")]).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_machines_actions_are_found_newest_first() {
    let emulator = on_test_clock(Emulator::builder().settle(Duration::from_secs(5)));
    let client = Plain::signed_in(&emulator).await;
    let mut made = Vec::new();
    for round in 0..3 {
        let verb = if round == 1 {
            client.unisolate(WORKSTATION, "c").await
        } else {
            client.isolate(WORKSTATION, "c").await
        };
        made.push(verb.id().to_owned());
        seconds(10).await;
    }
    let filter = format!("machineId eq '{WORKSTATION}' and type in ('Isolate','Unisolate')");
    let options = [
        ("$filter", filter.as_str()),
        ("$orderby", "CreationDateTimeUtc desc"),
        ("$count", "true"),
        ("$top", "2"),
    ];
    let list = client.list("/api/machineactions", &options).await;
    assert_eq!(list.each("id"), [made[2].as_str(), made[1].as_str()]);
    assert_eq!(list.each("scope"), ["Full", ""]);
    assert_eq!(list.json["@odata.count"], 3);
    let since = "creationDateTimeUtc ge 2026-03-01T03:00:10Z and status eq 'Succeeded'";
    let list = client.list("/api/machineactions", &[("$filter", since)]).await;
    assert_eq!(list.each("id").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_action_may_be_missing_from_the_list_for_a_while() {
    let emulator = on_test_clock(Emulator::builder().set("list_lag", "10").expect("a switch"));
    let client = Plain::signed_in(&emulator).await;
    let id = client.isolate(WORKSTATION, "c").await.id().to_owned();
    assert_eq!(client.action(&id).await.status, 200);
    assert_eq!(client.get("/api/machineactions").await.each("id").len(), 0);
    seconds(10).await;
    assert_eq!(client.get("/api/machineactions").await.each("id"), [id.as_str()]);
}

#[tokio::test(start_paused = true)]
async fn a_list_may_show_what_has_ended_as_it_was_before() {
    let builder = Emulator::builder().set("status_lag", "60").expect("a switch");
    let emulator = on_test_clock(builder);
    let client = Plain::signed_in(&emulator).await;
    let id = client.isolate(WORKSTATION, "c").await.id().to_owned();
    seconds(30).await;
    assert_eq!(client.action(&id).await.json["status"], "Succeeded");
    let listed = client.get("/api/machineactions").await;
    assert_eq!(listed.each("status"), ["InProgress"]);
    assert_ne!(
        listed.each("lastUpdateDateTimeUtc"),
        [client.action(&id).await.json["lastUpdateDateTimeUtc"].as_str().expect("a time")]
    );
    seconds(60).await;
    assert_eq!(client.get("/api/machineactions").await.each("status"), ["Succeeded"]);
}

#[tokio::test]
async fn a_long_list_is_read_by_skip_or_by_link() {
    let emulator = Emulator::builder().set("page_size", "400").expect("a switch").build();
    let mut ids = emulator.add_past_actions(1_050);
    ids.sort();
    let client = Plain::signed_in(&emulator).await;
    let mut read: Vec<String> = Vec::new();
    loop {
        let skip = read.len().to_string();
        let page = client.list("/api/machineactions", &[("$skip", &skip)]).await;
        assert!(page.json.get("@odata.nextLink").is_none());
        let items = page.each("id");
        read.extend(items.iter().map(|id| (*id).to_owned()));
        if items.is_empty() {
            break;
        }
    }
    assert_eq!(read, ids, "in the order of ids");

    emulator.set("next_link", "on").expect("a switch");
    let mut read: Vec<String> = Vec::new();
    let mut path = "/api/machineactions?%24filter=status%20eq%20'Succeeded'&$top=900".to_owned();
    loop {
        let page = client.get(&path).await;
        read.extend(page.each("id").into_iter().map(str::to_owned));
        let Some(link) = page.json["@odata.nextLink"].as_str() else { break };
        path = link
            .strip_prefix("https://any.host.example")
            .expect("the host that was called")
            .to_owned();
    }
    assert_eq!(read, ids[..900]);
}

#[tokio::test]
async fn vanished_actions_are_in_no_list() {
    let emulator = Emulator::new();
    let ids = emulator.add_past_actions(3);
    assert!(emulator.unlist_action(&ids[1]) && !emulator.unlist_action("nothing"));
    let client = Plain::signed_in(&emulator).await;
    let options = [("$orderby", "creationDateTimeUtc")];
    let list = client.list("/api/machineactions", &options).await;
    assert_eq!(list.each("id"), [ids[0].as_str(), ids[2].as_str()]);
}

#[tokio::test]
async fn a_fleet_of_20_000_is_listed_in_pages_of_10_000() {
    let emulator = Emulator::builder().fleet(20_000).build();
    let client = Plain::signed_in(&emulator).await;
    let mut count = 0;
    while let page = client.list("/api/machines", &[("$skip", &count.to_string())]).await
        && let found = page.each("id").len()
        && found > 0
    {
        assert!(found <= 10_000);
        count += found;
    }
    assert_eq!(count, 20_006);
}

#[tokio::test]
async fn tags_are_appended_or_replaced_as_switched() {
    let emulator = Emulator::new();
    let client = Plain::signed_in(&emulator).await;
    let path = format!("/api/machines/{WORKSTATION}");
    let body = json!({"machineTags": ["new"]});
    assert_eq!(
        client.patch(&path, body.clone()).await.json["machineTags"],
        json!(["finance", "new"])
    );
    emulator.set("patch_tags", "replace").expect("a switch");
    assert_eq!(client.patch(&path, body).await.json["machineTags"], json!(["new"]));
}

#[tokio::test]
async fn novelties_are_unknown_members() {
    let emulator = Emulator::builder().set("novelty", "on").expect("a switch").build();
    let client = Plain::signed_in(&emulator).await;
    let machine = client.get(&format!("/api/machines/{WORKSTATION}")).await;
    assert_ne!(machine.json["serviceInsights"], Value::Null);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever the text: encoded as it must be, a filter by value finds exactly that value.
    #[test]
    fn a_filter_by_value_finds_exactly_that_value(name in "[ -~é✓\u{1F600}]{1,40}", other in "['&#+%=?a-c ]{1,12}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let machines = [&name, &other].map(|name| MachineSetup::new(name.clone()));
            let emulator = machines.into_iter().fold(Emulator::builder(), EmulatorBuilder::machine).build();
            let client = Plain::signed_in(&emulator).await;
            let filter = format!("computerDnsName eq '{}'", name.replace('\'', "''"));
            let list = client.list("/api/machines", &[("$filter", &filter)]).await;
            let expected = if name == other { 2 } else { 1 };
            assert_eq!(list.each("computerDnsName"), vec![name.as_str(); expected]);
        });
    }
}
