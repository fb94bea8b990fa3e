//! Agents over HTTP: engines, skills, documents and bots, as a tenant brings them to a deployed control plane.

use agent_factory::identity::TokenScope;
use agent_factory::workspace::{Bounds, Files, pack, read_skill};
use agent_factory_tests::api::{Answer, Client, Served, tenant};
use agent_factory_tests::contract::Contract;
use agent_factory_tests::factory::Factory;
use agent_factory_tests::{built, factory_cases};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::PathBuf;

const AGENT: &str = "/v1/tenants/acme/agents/default";

/// One tenant `acme`, its administrator, and the description to hold answers against.
struct Site {
    served: Served,
    admin: Client,
    operator: Client,
    contract: Contract,
}

async fn admin(served: &Served, factory: &Factory, name: &str) -> Client {
    let tenant_id = name.parse().expect("a tenant id");
    served
        .client(factory, TokenScope::TenantAdmin { tenant_id })
        .await
}

impl Site {
    async fn new(factory: &Factory) -> Self {
        let served = Served::start(factory).await;
        tenant(factory.app(), "acme").await;
        let operator = served.operator(factory).await;
        Self {
            admin: admin(&served, factory, "acme").await,
            contract: Contract::of(&operator).await,
            served,
            operator,
        }
    }

    /// With an agent that runs the engine `offline`, which the operator ships.
    async fn with_agent(factory: &Factory) -> Self {
        let site = Self::new(factory).await;
        let path = "/v1/engines/offline";
        let shipped = upload(&site.operator, path, engine("offline")).await;
        site.check("shipEngine", &shipped, 200);
        let body = json!({ "engine": { "name": "offline" } });
        let made = site.admin.put(AGENT, &body).await;
        assert_eq!(site.check("configureAgent", &made, 200)["changed"], true);
        site
    }

    fn check<'a>(&self, id: &str, answer: &'a Answer, status: u16) -> &'a Value {
        self.contract.check(id, answer);
        assert_eq!(answer.status, status, "{id}: {}", answer.text);
        &answer.body
    }

    async fn push(&self, name: &str, archive: Vec<u8>) -> Answer {
        let path = format!("{AGENT}/skills/{name}");
        let answer = upload(&self.admin, &path, archive).await;
        self.contract.check("putSkill", &answer);
        answer
    }
}

async fn upload(client: &Client, path: &str, archive: Vec<u8>) -> Answer {
    let request = client.request(Method::PUT, path);
    let request = request.header("Content-Type", "application/x-tar");
    client.send(request.body(archive)).await
}

fn example(folder: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(folder);
    let config = agent_factory::config::Config::default();
    let folder = read_skill(&folder, &Bounds::of(&config)).expect("an example");
    let mut files = folder.files;
    files.insert(
        "SKILL.md".parse().expect("a path"),
        folder.manifest_md.into(),
    );
    pack(&files).expect("an archive")
}

/// A folder with this component.
fn folder(name: &str, component: Vec<u8>) -> Vec<u8> {
    pack(&files(name, component)).expect("an archive")
}

fn files(name: &str, component: Vec<u8>) -> Files {
    let manifest = format!("---\nname: {name}\ndescription: A test.\n---\n");
    let mut files = Files::new();
    files.insert("SKILL.md".parse().expect("a path"), manifest.into());
    let path = format!("scripts/{name}.wasm");
    files.insert(path.parse().expect("a path"), component.into());
    files
}

/// `hostile-skill` with another schema of its tools' arguments, as if it had been compiled so.
fn with_schema(schema: &str) -> Vec<u8> {
    const OWN: &str =
        r#"{"type":"object","properties":{"n":{"type":"integer"},"text":{"type":"string"}}}"#;
    let padded = format!("{schema:<width$}", width = OWN.len());
    assert_eq!(padded.len(), OWN.len(), "it has to fit");
    let mut bytes = built::guest_bytes("hostile-skill");
    let mut places = bytes.windows(OWN.len()).enumerate();
    let place = places.find_map(|(at, part)| (part == OWN.as_bytes()).then_some(at));
    let place = place.expect("the component's own schema");
    bytes[place..place + OWN.len()].copy_from_slice(padded.as_bytes());
    bytes
}

fn engine(name: &str) -> Vec<u8> {
    folder(name, built::guest_bytes(name))
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.code())
}

factory_cases! {
    async fn a_skill_that_was_pushed_is_used_by_the_next_turn(factory) {
        let site = Site::with_agent(&factory).await;
        let calculator = || example("demo-workspace/skills/calculator");
        let worker = factory.work();
        let before = factory.ask("acme", "c", "calculate 6 * 7").await;
        assert!(!before.contains("42"), "{before}");
        let answer = site.push("calculator", calculator()).await;
        let stored = site.check("putSkill", &answer, 200);
        assert_eq!((&stored["changed"], &stored["version"]), (&json!(true), &json!(1)));
        assert_eq!(stored["kind"], "skill");
        assert!(stored["compileMs"].is_number());
        assert!(stored["tools"][0]["name"].as_str().unwrap().starts_with("calculator__"));
        let after = factory.ask("acme", "c", "calculate 6 * 7").await;
        assert!(after.contains("42"), "{after}");

        let again = site.push("calculator", calculator()).await;
        let again = site.check("putSkill", &again, 200);
        assert_eq!((&again["changed"], &again["version"]), (&json!(false), &json!(1)));
        assert!(again["compileMs"].is_null(), "it was compiled before");

        let settings = format!("{AGENT}/skills/calculator/settings");
        let off = site.admin.put(&settings, &json!({ "enabled": false })).await;
        assert_eq!(site.check("configureSkill", &off, 200)["changed"], true);
        let without = factory.ask("acme", "c", "calculate 6 * 7").await;
        assert!(!without.contains("42"), "{without}");
        worker.stop().await;
    }

    async fn a_skill_that_changed_is_granted_again_by_who_looked_at_it(factory) {
        let site = Site::with_agent(&factory).await;
        let path = format!("{AGENT}/skills/notes");
        let notes = |asks: &str| {
            let mut files = Files::new();
            let manifest = "---\nname: notes\ndescription: A test.\n---\n";
            files.insert("SKILL.md".parse().unwrap(), manifest.into());
            files.insert("scripts/notes.wasm".parse().unwrap(), built::guest_bytes("notes").into());
            files.insert("config/capabilities.toml".parse().unwrap(), asks.to_owned().into());
            pack(&files).unwrap()
        };
        let asks = "[capabilities]\nkey-value = [\"agent\"]\n";
        let first = site.push("notes", notes(asks)).await;
        let first = site.check("putSkill", &first, 200);
        assert_eq!((&first["granted"], &first["withheld"]), (&json!(["key-value: agent"]), &json!([])));

        let http = "[[http.allow]]\nhost = \"api.example.com\"\nmethods = [\"GET\"]\npath = \"/v1\"\n";
        let more = format!("{http}{asks}");
        let second = site.push("notes", notes(&more)).await;
        let second = site.check("putSkill", &second, 200);
        let all = json!(["key-value: agent", "http: GET api.example.com/v1"]);
        assert_eq!((&second["granted"], &second["withheld"]), (&json!([]), &all));
        let worker = factory.work();
        let denied = factory.ask("acme", "c", "notes add buy rye flour").await;
        assert!(denied.contains("must be asked for") && !denied.contains("Noted"), "{denied}");

        let grant = format!("{path}/grant");
        let other = json!({ "grantDigest": "0".repeat(64) });
        let refused = site.admin.put(&grant, &other).await;
        site.check("grantSkill", &refused, 409);
        let shown = site.admin.get(&path).await;
        let shown = site.check("getSkill", &shown, 200);
        assert_eq!(shown["withheld"], all);
        let looked_at = json!({ "grantDigest": shown["grantDigest"] });
        let granted = site.admin.put(&grant, &looked_at).await;
        assert_eq!(site.check("grantSkill", &granted, 200)["changed"], true);
        let noted = factory.ask("acme", "c", "notes add buy rye flour").await;
        assert!(noted.contains("Noted"), "{noted}");
        worker.stop().await;

        // Whoever uploads it may say that they looked.
        let third = upload(&site.admin, &format!("{path}?grant=true"), notes(asks)).await;
        let third = site.check("putSkill", &third, 200);
        assert_eq!(third["granted"], json!(["key-value: agent"]));
    }

    async fn skills_are_listed_read_and_removed(factory) {
        let site = Site::with_agent(&factory).await;
        site.push("calculator", example("demo-workspace/skills/calculator")).await.expect(200);
        let listed = site.admin.get(&format!("{AGENT}/skills")).await;
        let listed = site.check("listSkills", &listed, 200);
        assert_eq!(listed["skills"].as_array().unwrap().len(), 1);
        let path = format!("{AGENT}/skills/calculator");
        let read = site.admin.get(&path).await;
        let read = site.check("getSkill", &read, 200);
        assert!(read["manifest"].as_str().unwrap().contains("name: calculator"));
        assert_eq!(read["files"][0]["kind"], "component");
        let gone = site.admin.delete(&path).await;
        site.check("deleteSkill", &gone, 204);
        let missing = site.admin.delete(&path).await;
        site.check("deleteSkill", &missing, 404);
    }

    async fn an_engine_is_told_by_its_world_and_pinned_by_its_digest(factory) {
        let site = Site::with_agent(&factory).await;
        let answer = site.push("hostile-engine", engine("hostile-engine")).await;
        let stored = site.check("putSkill", &answer, 200);
        assert_eq!((&stored["kind"], &stored["tools"]), (&json!("engine"), &json!([])));
        let digest = stored["digest"].as_str().unwrap().to_owned();
        let again = site.push("hostile-engine", engine("hostile-engine")).await;
        assert_eq!(site.check("putSkill", &again, 200)["changed"], false);
        let own = site.admin.get("/v1/tenants/acme/engines").await;
        let own = site.check("listEngines", &own, 200);
        assert_eq!(own["engines"].as_array().unwrap().len(), 2);

        let body = json!({ "engine": { "digest": digest } });
        let pinned = site.admin.put(AGENT, &body).await;
        assert_eq!(site.check("configureAgent", &pinned, 200)["agent"]["engineDigest"], digest);
        // Another tenant that knows the digest has nothing of it.
        tenant(factory.app(), "other").await;
        let other = admin(&site.served, &factory, "other").await;
        let refused = other.put("/v1/tenants/other/agents/default", &body).await;
        assert_eq!(code(&refused), (400, "invalid_request"), "{}", refused.text);
        // A skill is no engine.
        let skill = example("demo-workspace/skills/calculator");
        let path = "/v1/tenants/acme/engines/calculator";
        let refused = upload(&site.admin, path, skill).await;
        site.contract.check("uploadEngine", &refused);
        assert_eq!(code(&refused), (400, "invalid_request"));
        // It asks for nothing: what it wrote there would have no effect.
        let path = "/v1/tenants/acme/engines/offline";
        let mut asks = files("offline", built::guest_bytes("offline"));
        asks.insert("config/capabilities.toml".parse().unwrap(), "[limits]\ntool_ms = 5_000\n".into());
        let refused = upload(&site.admin, path, pack(&asks).unwrap()).await;
        site.contract.check("uploadEngine", &refused);
        assert_eq!(code(&refused), (400, "invalid_request"));
        assert!(refused.text.contains("agent configure --limit"), "{}", refused.text);
        let own = upload(&site.admin, path, engine("offline")).await;
        site.check("uploadEngine", &own, 200);
    }

    async fn what_is_no_skill_is_refused_with_the_rule_and_leaves_nothing(factory) {
        let site = Site::with_agent(&factory).await;
        let core = wat::parse_str("(module)").unwrap();
        let empty = wat::parse_str("(component)").unwrap();
        let compiled = b"\x7fELF, as a .cwasm begins".to_vec();
        for (component, said) in [
            (core, "this is a core WebAssembly module, not a component"),
            (compiled, "this is compiled code (.cwasm, or a native program)"),
            (empty, "the component lacks the export agent-factory:guest/toolbox"),
        ] {
            let answer = site.push("dice", folder("dice", component)).await;
            assert_eq!(code(&answer), (400, "invalid_request"), "{}", answer.text);
            assert!(answer.text.contains(said), "{}", answer.text);
        }
        let mut cut = folder("dice", vec![0; 2_000]);
        cut.truncate(1_800);
        let answer = site.push("dice", cut).await;
        assert!(answer.text.contains("the archive ends within this file"), "{}", answer.text);
        let answer = site.push("other", folder("dice", vec![0])).await;
        assert!(answer.text.contains("must be the folder's"), "{}", answer.text);
        let path = format!("{AGENT}/skills/dice");
        let plain = site.admin.request(Method::PUT, &path).body("x");
        let answer = site.admin.send(plain).await;
        assert_eq!(code(&answer), (415, "unsupported_media_type"));
        let nobodys = "/v1/tenants/acme/agents/nobody/skills/calculator";
        let answer = upload(&site.admin, nobodys, example("demo-workspace/skills/calculator")).await;
        assert_eq!(code(&answer), (404, "not_found"));
        let listed = site.admin.get(&format!("{AGENT}/skills")).await.expect(200);
        assert_eq!(listed["skills"], json!([]));
    }

    async fn two_pushes_of_one_skill_at_once_are_one_skill(factory) {
        let site = Site::with_agent(&factory).await;
        let push = || site.push("calculator", example("demo-workspace/skills/calculator"));
        let (one, two) = tokio::join!(push(), push());
        let versions = [one.expect(200)["version"].clone(), two.expect(200)["version"].clone()];
        assert_eq!(versions, [json!(1), json!(1)]);
    }

    async fn a_schema_that_would_cost_too_much_to_run_is_refused_and_the_next_upload_is_taken(factory) {
        let site = Site::with_agent(&factory).await;
        for (schema, said) in [
            (r##"{"type":"object","$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}}"##, "refers to itself"),
            (r#"{"type":"object","properties":{"n":{"pattern":"((a{99}){99}){99}"}}}"#, "not a JSON Schema"),
            (r#"{"type":"object","properties":{"n":{"$ref":"http://127.0.0.1/x"}}}"#, "must lead to the schema's own"),
        ] {
            let answer = site.push("bomb", folder("bomb", with_schema(schema))).await;
            assert_eq!(code(&answer), (400, "invalid_request"), "{}", answer.text);
            assert!(answer.text.contains("input schema: ") && answer.text.contains(said), "{}", answer.text);
        }
        let same = site.push("bomb", folder("bomb", with_schema(r#"{"type":"object"}"#))).await;
        site.check("putSkill", &same, 200);
        let calculator = site.push("calculator", example("demo-workspace/skills/calculator")).await;
        site.check("putSkill", &calculator, 200);
    }

    async fn documents_come_and_go_as_text(factory) {
        let site = Site::with_agent(&factory).await;
        let path = format!("{AGENT}/documents/memory%2F2026-11-22.md");
        let put = |text: &'static str| {
            let request = site.admin.request(Method::PUT, &path).body(text);
            site.admin.send(request)
        };
        let stored = put("Mia likes tea.").await;
        assert_eq!(site.check("putDocument", &stored, 200)["changed"], true);
        let again = put("Mia likes tea.").await;
        assert_eq!(site.check("putDocument", &again, 200)["changed"], false);
        let read = site.admin.get(&path).await;
        site.check("getDocument", &read, 200);
        assert_eq!(read.text, "Mia likes tea.");
        let listed = site.admin.get(&format!("{AGENT}/documents")).await;
        let listed = site.check("listDocuments", &listed, 200);
        assert_eq!(listed["documents"][0]["path"], "memory/2026-11-22.md");
        let outside = format!("{AGENT}/documents/..%2FSOUL.md");
        let request = site.admin.request(Method::PUT, &outside).body("x");
        let refused = site.admin.send(request).await;
        site.check("putDocument", &refused, 400);
        let gone = site.admin.delete(&path).await;
        site.check("deleteDocument", &gone, 204);
    }

    async fn a_bots_webhook_secret_is_answered_once(factory) {
        let site = Site::with_agent(&factory).await;
        let path = "/v1/tenants/acme/bots/123";
        let mut body = json!({ "agentKey": "default", "tokenRef": "telegram.botToken.default" });
        let made = site.admin.put(path, &body).await;
        let made = site.check("configureBot", &made, 200);
        let first = made["webhookSecret"].as_str().unwrap().to_owned();
        assert_eq!(made["webhookPath"], "/agent-factory/telegram/webhook");
        let again = site.admin.put(path, &body).await.expect(200);
        assert!(again["webhookSecret"].is_null());
        body["rotateSecret"] = true.into();
        let rotated = site.admin.put(path, &body).await.expect(200);
        assert_ne!(rotated["webhookSecret"], first);
        body["agentKey"] = "nobody".into();
        let refused = site.admin.put(path, &body).await;
        site.check("configureBot", &refused, 404);
    }

    async fn only_the_operator_names_a_pool_and_a_token_tells_whose_it_is(factory) {
        let site = Site::with_agent(&factory).await;
        let body = json!({ "pool": "large" });
        let refused = site.admin.put(AGENT, &body).await;
        assert_eq!(site.check("configureAgent", &refused, 403)["error"]["code"], "forbidden");
        let moved = site.operator.put(AGENT, &body).await.expect(200);
        assert_eq!(moved["agent"]["pool"], "large");
        let read = site.admin.get(AGENT).await;
        assert_eq!(site.check("getAgent", &read, 200)["pool"], "large");
        let agents = site.admin.get("/v1/tenants/acme/agents").await;
        assert_eq!(site.check("listAgents", &agents, 200)["agents"].as_array().unwrap().len(), 1);
        let who = site.admin.get("/v1/token").await;
        let who = site.check("whoAmI", &who, 200);
        assert_eq!((&who["scope"], &who["tenantId"]), (&json!("tenant-admin"), &json!("acme")));
        let who = site.operator.get("/v1/token").await.expect(200);
        assert_eq!((&who["scope"], who.get("tenantId")), (&json!("operator"), None));
    }
}

#[tokio::test]
async fn an_upload_is_taken_at_its_bound_and_refused_one_beyond() {
    let archive = folder("dice", vec![0; 3_000]);
    for (bytes, status) in [(archive.len(), 400), (archive.len() - 1, 413)] {
        let bytes = bytes.to_string();
        let factory = Factory::with(&[
            ("uploads.folder_bytes", &bytes),
            ("uploads.file_bytes", "1000"),
            ("uploads.document_bytes", "1000"),
            ("limits.component_bytes", "3000"),
        ])
        .await;
        let served = Served::start(&factory).await;
        tenant(factory.app(), "acme").await;
        let admin = admin(&served, &factory, "acme").await;
        let path = format!("{AGENT}/skills/dice");
        let answer = upload(&admin, &path, archive.clone()).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_tenants_upload_beyond_its_share_is_told_to_come_back() {
    let factory = Factory::with(&[("uploads.at_once_per_tenant", "1")]).await;
    let served = Served::start(&factory).await;
    tenant(factory.app(), "acme").await;
    let admin = admin(&served, &factory, "acme").await;
    let path = format!("{AGENT}/skills/dice");
    // A body that never ends holds the tenant's only place.
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    sender.send(Ok(vec![0; 512])).await.expect("a listener");
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    });
    let slow = admin
        .request(Method::PUT, &path)
        .header("Content-Type", "application/x-tar")
        .body(reqwest::Body::wrap_stream(stream));
    let slow = tokio::spawn(slow.send());
    let refused = loop {
        let answer = upload(&admin, &path, vec![0; 1_024]).await;
        if answer.status == 429 {
            break answer;
        }
        // The slow one has not arrived yet.
        assert_eq!(answer.status, 400, "{}", answer.text);
    };
    assert_eq!(refused.code(), "rate_limited");
    assert!(refused.headers.contains_key("retry-after"));
    // Its end, in the middle of the upload, leaves nothing and frees the place.
    slow.abort();
    drop(sender);
    let freed = loop {
        let answer = upload(&admin, &path, vec![0; 1_024]).await;
        if answer.status != 429 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(freed.status, 400, "{}", freed.text);
}
