//! What a caller can get wrong: each is a clear error, and nothing is sent.

use defender_response::{
    ActionId, Client, ClientSecret, GetMachine, Isolate, IsolationType, MachineId, Path,
};

use crate::script::{APPLICATION, MACHINE, SECRET, Script, TENANT};

#[test]
fn identifiers_of_another_kind_are_refused() {
    for text in [
        "",
        " ",
        "../alerts/x?",
        "1e5bc9d7e413ddd7902c2932e418702b84d0cc0",
        "1e5bc9d7e413ddd7902c2932e418702b84d0cc077",
        "ge5bc9d7e413ddd7902c2932e418702b84d0cc07",
        "5382f7ea-7557-4ab7-9782-d50480024a4e",
        "ws-042.corp.example",
    ] {
        let error = text.parse::<MachineId>().unwrap_err().to_string();
        assert!(error.contains("40 hexadecimal digits"), "{error}");
    }
    for text in [
        "",
        "1234",
        MACHINE,
        "5382f7ea-7557-4ab7-9782-d50480024a4",
        "5382f7ea75574ab79782d50480024a4e0000",
    ] {
        let error = text.parse::<ActionId>().unwrap_err().to_string();
        assert!(error.contains("a GUID such as"), "{error}");
    }
}

#[test]
fn identifiers_are_strict_in_a_callers_own_json_too() {
    assert!(serde_json::from_str::<MachineId>(r#""../alerts""#).is_err());
    let id: MachineId = serde_json::from_str(&format!("\" {} \"", MACHINE.to_uppercase())).unwrap();
    assert_eq!(id.as_str(), MACHINE);
}

#[test]
fn a_path_has_no_segment_that_leads_elsewhere() {
    for bad in ["", ".", "..", ".\t.", "\n", "a\rb"] {
        assert!(Path::new(["machines", bad]).unwrap_err().is_invalid_input(), "{bad:?}");
    }
}

#[tokio::test]
async fn a_comment_that_cannot_be_sent_is_refused_before_anything_is() {
    let script = Script::new();
    let host = script.client().machine(MACHINE.parse::<MachineId>().unwrap());
    for (comment, part) in [
        (String::new(), "blank"),
        (" \t\n".to_owned(), "blank"),
        ("x".repeat(1001), "1001 characters"),
        ("nul\0".to_owned(), "control character"),
    ] {
        let error = host.isolate(IsolationType::Full, &comment).await.unwrap_err();
        assert!(error.is_invalid_input() && error.operation() == Some("isolate"), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    let action =
        script.client().action("5382f7ea-7557-4ab7-9782-d50480024a4e".parse::<ActionId>().unwrap());
    assert!(action.cancel("").await.unwrap_err().is_invalid_input());
    assert_eq!((script.tokens(), script.sent().len()), (0, 0));
}

#[tokio::test]
async fn what_cannot_be_a_host_name_is_refused_before_anything_is_sent() {
    let script = Script::new();
    let machines = script.client().machines();
    for name in [
        "",
        " ",
        "..",
        "../alerts/x?",
        "a b",
        "host/../x",
        "a..b",
        MACHINE,
        &"x".repeat(64),
        "host?$top=1",
    ] {
        let error = machines.by_name(name).await.unwrap_err();
        assert!(error.is_invalid_input(), "{name:?}: {error}");
    }
    assert_eq!((script.tokens(), script.sent().len()), (0, 0));
}

#[test]
fn a_raw_call_by_a_strange_name_stays_in_its_segment() {
    let client = Script::new().client();
    let preview = client.preview(&GetMachine::by_name("../alerts/x?a=b#c%2e")).unwrap();
    assert_eq!(
        preview.url.as_str(),
        "https://api.securitycenter.microsoft.com/api/machines/..%2Falerts%2Fx%3Fa=b%23c%252e"
    );
    assert!(client.preview(&GetMachine::by_name("..")).is_err());
}

#[test]
fn a_base_url_is_taken_as_people_paste_it() {
    for url in [
        "https://api-eu.securitycenter.microsoft.com",
        " https://api-eu.securitycenter.microsoft.com/ ",
        "https://api-eu.securitycenter.microsoft.com/api",
        "HTTPS://API-EU.securitycenter.microsoft.com/API/",
    ] {
        let client = Script::new().builder().base_url(url).build().unwrap();
        assert_eq!(
            client.base_url().as_str(),
            "https://api-eu.securitycenter.microsoft.com/",
            "{url}"
        );
    }
    for url in ["http://127.0.0.1:8080", "http://localhost:8080/api", "http://[::1]:8080/"] {
        assert!(Script::new().builder().base_url(url).build().is_ok(), "{url}");
    }
}

#[test]
fn a_base_url_that_could_mislead_is_refused_with_what_was_expected() {
    for (url, part) in [
        ("", "not a URL"),
        ("api.securitycenter.microsoft.com", "not a URL"),
        ("https://", "not a URL"),
        ("https:///api", "the host is empty"),
        ("https:api.securitycenter.microsoft.com", "the host is empty"),
        ("http://api.securitycenter.microsoft.com", "in the clear"),
        ("http://localhost.evil.example", "in the clear"),
        ("http://127.0.0.1.evil.example", "in the clear"),
        ("ftp://api.securitycenter.microsoft.com", "not https"),
        ("https://user:hunter2@api.securitycenter.microsoft.com", "credentials"),
        ("https://hunter2@api.securitycenter.microsoft.com", "credentials"),
        ("https://api.securitycenter.microsoft.com?x=1", "query"),
        ("https://api.securitycenter.microsoft.com/#x", "fragment"),
        ("https://api.securitycenter.microsoft.com/api/machines", "is a path"),
        ("https://api.securitycenter.microsoft.com/api/../x", "is a path"),
        ("user:hunter2@api.securitycenter.microsoft.com", "not https"),
    ] {
        let error = Script::new().builder().base_url(url).build().unwrap_err();
        let message = error.to_string();
        assert!(error.is_configuration(), "{url}: {message}");
        assert!(message.starts_with("base URL: ") && message.contains(part), "{url}: {message}");
        assert!(message.contains("expected https://HOST alone"), "{url}: {message}");
        assert!(!message.contains("hunter2"), "{message}");
        assert!(Script::new().builder().authority(url).build().unwrap_err().is_configuration());
    }
}

#[test]
fn a_credential_that_cannot_work_is_refused_when_the_client_is_built() {
    for (tenant, application, secret, part) in [
        ("", APPLICATION, SECRET, "tenant"),
        ("contoso", APPLICATION, SECRET, "tenant"),
        ("../common", APPLICATION, SECRET, "tenant"),
        ("contoso..example", APPLICATION, SECRET, "tenant"),
        (TENANT, "", SECRET, "application id"),
        (TENANT, "my app", SECRET, "application id"),
        (TENANT, APPLICATION, " ", "secret is empty"),
    ] {
        let error =
            Client::builder(ClientSecret::new(tenant, application, secret)).build().unwrap_err();
        assert!(error.is_configuration(), "{error}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(part), "{cause}");
    }
    assert!(
        Client::builder(ClientSecret::new("contoso.example", APPLICATION, SECRET)).build().is_ok()
    );
    assert!(Script::new().builder().audience("/.default").build().unwrap_err().is_configuration());
}

#[tokio::test]
async fn a_raw_send_checks_its_arguments_too() {
    let script = Script::new();
    let isolate = Isolate::new(MACHINE.parse().unwrap(), IsolationType::Full, " ");
    assert!(script.client().send(&isolate).await.unwrap_err().is_invalid_input());
    assert_eq!(script.sent().len(), 0);
}
