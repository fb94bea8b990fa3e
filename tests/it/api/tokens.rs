//! Tenants and tokens, made over HTTP.

use agent_factory::identity::TokenScope;
use agent_factory_tests::api::{Served, tenant};
use agent_factory_tests::factory_cases;
use serde_json::json;

factory_cases! {
    async fn a_tenant_is_made_once_however_often_it_is_asked_for(factory) {
        let served = Served::start(&factory).await;
        let operator = served.operator(&factory).await;
        let made = operator.request(reqwest::Method::PUT, "/v1/tenants/acme");
        let made = operator.send(made).await.expect(201);
        assert_eq!(made["tenantId"], "acme");
        let again = operator.request(reqwest::Method::PUT, "/v1/tenants/acme");
        assert_eq!(operator.send(again).await.expect(200), made);
        let refused = operator.request(reqwest::Method::PUT, "/v1/tenants/Acme");
        let refused = operator.send(refused).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_request"));
        assert!(refused.text.contains("a-z, 0-9 and -"), "{}", refused.text);
    }

    async fn a_token_that_was_made_opens_its_scope_until_it_is_revoked(factory) {
        let served = Served::start(&factory).await;
        let operator = served.operator(&factory).await;
        tenant(factory.app(), "acme").await;
        let made = operator.post("/v1/tokens", &json!({
            "scope": "tenant-admin", "tenantId": "acme", "name": "laptop", "expiresInDays": 1,
        })).await.expect(201);
        let admin = served.under(made["token"].as_str().unwrap());
        assert_eq!(admin.get("/v1/tokens").await.status, 403);
        let page = admin.get("/v1/tenants/acme/tokens").await.expect(200);
        assert_eq!(page["tokens"][0]["tokenId"], made["tokenId"]);
        assert!(!page.to_string().contains(made["token"].as_str().unwrap()));

        let app = admin.post("/v1/tenants/acme/tokens", &json!({ "name": "shop" })).await.expect(201);
        assert_eq!(app["scope"], "app");
        let path = format!("/v1/tenants/acme/tokens/{}", app["tokenId"].as_str().unwrap());
        assert_eq!(admin.delete(&path).await.status, 204);
        assert_eq!(served.under(app["token"].as_str().unwrap()).get(&path).await.status, 405);
        let own = format!("/v1/tenants/acme/tokens/{}", made["tokenId"].as_str().unwrap());
        assert_eq!(admin.delete(&own).await.status, 404, "an administrator revokes tokens of apps");
        let own = format!("/v1/tokens/{}", made["tokenId"].as_str().unwrap());
        assert_eq!(operator.delete(&own).await.status, 204);
        assert_eq!(admin.get("/v1/tenants/acme/tokens").await.code(), "unauthorized");
    }

    async fn lists_come_in_pages_that_end(factory) {
        let served = Served::start(&factory).await;
        let operator = served.operator(&factory).await;
        for id in ["a", "b", "c"] {
            tenant(factory.app(), id).await;
        }
        let page = operator.get("/v1/tenants?limit=2").await.expect(200);
        assert_eq!((&page["tenants"][1]["tenantId"], &page["nextCursor"]), (&json!("b"), &json!("b")));
        let page = operator.get("/v1/tenants?limit=2&cursor=b").await.expect(200);
        assert_eq!(page["tenants"].as_array().unwrap().len(), 1);
        assert!(page.get("nextCursor").is_none());
        for query in ["limit=0", "limit=101", "limit=many", "cursor=%2F", "size=2"] {
            let refused = operator.get(&format!("/v1/tenants?{query}")).await;
            assert_eq!(refused.code(), "invalid_request", "{query}");
        }
        let pool = TokenScope::Worker { pool: "default".parse().unwrap() };
        let worker = served.client(&factory, pool).await;
        assert_eq!(worker.get("/v1/tenants").await.code(), "forbidden");
    }
}
