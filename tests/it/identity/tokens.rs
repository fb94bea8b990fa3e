//! Tokens open what they were made for, until they are revoked or expire.

use agent_factory::domain::{TenantId, TokenId};
use agent_factory::identity::{
    self, ApiToken, NewToken, TOKEN_NAME_BYTES_MAX, TokenError, TokenInfo, TokenScope,
};
use agent_factory::store::StoreError;
use agent_factory_tests::database::{EPOCH, TestDatabase};
use agent_factory_tests::store_cases;
use std::time::Duration;

fn new(scope: TokenScope) -> NewToken {
    NewToken {
        scope,
        name: "laptop".to_owned(),
        expires_at: None,
    }
}

async fn make(test: &TestDatabase, new: NewToken) -> Result<(TokenId, ApiToken), TokenError> {
    let token_id = test.ids.token().unwrap();
    let token = ApiToken::from_random(&new.scope, test.ids.bytes().unwrap());
    let (id, secret) = (token_id.clone(), token.clone());
    let made: Result<(), TokenError> = test
        .db
        .write(move |tx| Box::pin(async move { identity::token_put(tx, &id, &secret, &new).await }))
        .await;
    made.map(|()| (token_id, token))
}

async fn find(test: &TestDatabase, token: &ApiToken) -> Option<TokenInfo> {
    let token = token.clone();
    let found: Result<_, StoreError> = test
        .db
        .read(move |tx| Box::pin(async move { identity::token_by_secret(tx, &token).await }))
        .await;
    found.unwrap()
}

async fn revoke(test: &TestDatabase, token_id: &TokenId) -> bool {
    let id = token_id.clone();
    let revoked: Result<_, StoreError> = test
        .db
        .write(move |tx| Box::pin(async move { identity::token_revoke(tx, &id).await }))
        .await;
    revoked.unwrap()
}

async fn has_operator(test: &TestDatabase) -> bool {
    let has: Result<_, StoreError> = test
        .db
        .read(|tx| Box::pin(identity::has_operator(tx)))
        .await;
    has.unwrap()
}

store_cases! {
    async fn a_token_opens_its_scope_until_it_is_revoked(test) {
        assert!(!has_operator(&test).await);
        let (id, token) = make(&test, new(TokenScope::Operator)).await.unwrap();
        assert!(has_operator(&test).await);
        let found = find(&test, &token).await.unwrap();
        assert_eq!((found.token_id, found.scope), (id.clone(), TokenScope::Operator));
        assert!(revoke(&test, &id).await);
        assert!(revoke(&test, &id).await, "a second time changes nothing");
        assert!(find(&test, &token).await.is_none());
        assert!(!has_operator(&test).await);
        assert!(!revoke(&test, &"tok_unknown".parse().unwrap()).await);
    }

    async fn a_token_is_good_until_the_moment_it_expires(test) {
        let scope = TokenScope::Worker { pool: "default".parse().unwrap() };
        let new = NewToken { expires_at: Some(EPOCH.plus(Duration::from_millis(10))), ..new(scope) };
        let (_, token) = make(&test, new).await.unwrap();
        test.db.set_clock(EPOCH.plus(Duration::from_millis(9))).await.unwrap();
        assert!(find(&test, &token).await.is_some());
        test.db.set_clock(EPOCH.plus(Duration::from_millis(10))).await.unwrap();
        assert!(find(&test, &token).await.is_none());
    }

    async fn a_token_of_no_tenant_is_not_made(test) {
        let tenant_id: TenantId = "nobody".parse().unwrap();
        let refused = make(&test, new(TokenScope::App { tenant_id })).await;
        assert!(matches!(refused, Err(TokenError::TenantMissing(_))), "{refused:?}");
    }

    async fn a_name_is_accepted_at_its_longest_and_refused_one_beyond(test) {
        for (length, accepted) in [(TOKEN_NAME_BYTES_MAX, true), (TOKEN_NAME_BYTES_MAX + 1, false)] {
            let new = NewToken { name: "x".repeat(length), ..new(TokenScope::Operator) };
            assert_eq!(make(&test, new).await.is_ok(), accepted, "{length}");
        }
    }

    async fn tokens_are_listed_newest_first_a_page_at_a_time(test) {
        let mut made = Vec::new();
        for step in 0..3 {
            test.db.set_clock(EPOCH.plus(Duration::from_millis(step))).await.unwrap();
            made.push(make(&test, new(TokenScope::Operator)).await.unwrap().0);
        }
        made.reverse();
        let page = |before: Option<TokenId>| {
            let db = test.db.clone();
            async move {
                let page: Result<Vec<TokenInfo>, StoreError> = db.read(move |tx| Box::pin(async move {
                    identity::tokens(tx, None, before.as_ref(), 2).await
                })).await;
                page.unwrap().into_iter().map(|info| info.token_id).collect::<Vec<_>>()
            }
        };
        assert_eq!(page(None).await, made[..2]);
        assert_eq!(page(Some(made[1].clone())).await, made[2..]);
    }
}
