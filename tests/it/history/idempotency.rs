//! The same message many times at once, by way of every control plane.

use super::claim;
use agent_factory_tests::history::body;
use agent_factory_tests::site_cases;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const TIMES: usize = 50;

site_cases! {
    async fn a_message_that_is_sent_fifty_times_at_once_is_one_message(site) {
        let message = body("room", "hello", 50);
        let sending = (0..TIMES).map(|number| {
            let (app, path, message) = (site.app(number), site.messages(), &message);
            async move { app.post(&path, message).await }
        });
        let answers = join_all(sending).await;
        let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for answer in answers {
            *statuses.entry(answer.status).or_default() += 1;
            assert_eq!(answer.body["duplicate"], answer.status == 200, "{}", answer.text);
            ids.insert(answer.body["messageId"].as_str().expect("an id").to_owned());
        }
        assert_eq!(statuses, BTreeMap::from([(200, TIMES - 1), (202, 1)]));
        assert_eq!(ids.len(), 1, "{ids:?}");

        let worker = site.join().await;
        let [turn] = claim(&worker, 9, Duration::ZERO).await.try_into().expect("one turn");
        assert_eq!(turn.lease.message_id.to_string(), *ids.first().expect("an id"));
        worker.control.complete(&turn.lease, Default::default()).await.expect("a settled message");
        assert!(claim(&worker, 9, Duration::ZERO).await.is_empty());
        // Nor does it come again once it is done.
        let again = site.app(0).post(&site.messages(), &message).await.expect(200);
        assert_eq!(again["messageId"], *ids.first().expect("an id"));
        assert!(claim(&worker, 9, Duration::ZERO).await.is_empty());
    }

    async fn of_many_messages_under_one_id_one_is_accepted_and_the_others_are_conflicts(site) {
        let sending = (0..TIMES).map(|number| {
            let (app, path) = (site.app(number), site.messages());
            // Every second says something else; the others are for another conversation.
            let mut message = body(&format!("room{}", number % 2 * number), "hello", 50);
            message["payload"]["messageText"] = format!("number {number}").into();
            async move { app.post(&path, &message).await }
        });
        let answers = join_all(sending).await;
        let accepted: Vec<_> = answers.iter().filter(|answer| answer.status == 202).collect();
        let [accepted] = accepted[..] else {
            panic!("{} were accepted", accepted.len());
        };
        let id = accepted.body["messageId"].as_str().expect("an id");
        for answer in answers.iter().filter(|answer| answer.status != 202) {
            assert_eq!((answer.status, answer.code()), (409, "conflict"), "{}", answer.text);
            assert!(answer.text.contains(id), "{}", answer.text);
        }
        let worker = site.join().await;
        let turns = claim(&worker, 9, Duration::ZERO).await;
        assert_eq!(turns.len(), 1);
    }
}
