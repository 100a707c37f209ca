//! Tests joined in one observation: whether they are about one thing.

use defender_response::stix::SkipReason;

use crate::made::{made, options};

const MD5: &str = "00000000000000000000000000000001";
const SHA256: &str = "2000000000000000000000000000000000000000000000000000000000000001";

#[test]
fn hashes_of_different_contents_are_no_hashes_of_one_file() {
    let joined = |one: &str, other: &str| {
        let text =
            format!("[{one}.hashes.MD5 = '{MD5}' AND {other}.hashes.'SHA-256' = '{SHA256}']");
        made(&text, &options().artifact_hashes())
    };
    let part = |n: &str| format!("email-message:body_multipart[{n}].body_raw_ref");
    assert_eq!(joined(&part("0"), &part("0")), Ok(vec![format!("FileSha256 {SHA256}")]));
    assert_eq!(joined(&part("0"), &part("1")), Err(SkipReason::Conjunction));
    assert_eq!(joined(&part("*"), &part("*")), Err(SkipReason::Conjunction), "each may be another");
    assert_eq!(joined("file:content_ref", &part("0")), Err(SkipReason::Conjunction));
}

#[test]
fn names_of_different_objects_are_no_name_of_one() {
    let text = "[domain-name:value = 'a.example' AND hostname:value = 'a.example']";
    assert_eq!(made(text, &options().hostnames().widen_network()), Err(SkipReason::Conjunction));
}

#[test]
fn the_type_of_a_destination_is_dropped_only_where_it_says_a_type() {
    let to = "network-traffic:dst_ref.value = '81.2.69.142'";
    for test in ["ISSUBSET 'ipv4-addr'", "LIKE 'ipv4%'", "MATCHES 'ipv4'", "> 'a'"] {
        let text = format!("[{to} AND network-traffic:dst_ref.type {test}]");
        assert_eq!(made(&text, &options()), Err(SkipReason::NetworkDetail), "{test}");
        assert!(made(&text, &options().widen_network()).is_ok());
    }
}
