//! A Telegram update, as far as it matters here.

use serde::Deserialize;

/// An update, read leniently: what is unknown or absent is left out.
#[derive(Debug, Deserialize)]
pub(super) struct Update {
    pub(super) update_id: i64,
    message: Option<Message>,
}

#[derive(Debug, Deserialize)]
struct Message {
    message_id: i64,
    message_thread_id: Option<i64>,
    #[serde(default)]
    is_topic_message: bool,
    from: Option<User>,
    chat: Chat,
    text: Option<String>,
    caption: Option<String>,
}

#[derive(Debug, Deserialize)]
struct User {
    id: i64,
}

#[derive(Debug, Deserialize)]
struct Chat {
    id: i64,
}

/// Somebody wrote something to the bot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) chat_id: i64,
    /// A forum topic; replies of an ordinary group carry a thread id too, and are no topic.
    pub(super) topic_id: Option<i64>,
    pub(super) user_id: i64,
    pub(super) message_id: i64,
    pub(super) text: String,
}

impl Update {
    /// What somebody wrote; none for anything else an update may be.
    pub(super) fn written(self) -> Option<Written> {
        let message = self.message?;
        let text = message
            .text
            .or(message.caption)
            .filter(|text| !text.trim().is_empty())?;
        Some(Written {
            chat_id: message.chat.id,
            topic_id: message
                .message_thread_id
                .filter(|_| message.is_topic_message),
            user_id: message.from?.id,
            message_id: message.message_id,
            text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> Option<Written> {
        serde_json::from_str::<Update>(json).unwrap().written()
    }

    #[test]
    fn a_private_text_is_read() {
        let update = r#"{"update_id":7,"message":{"message_id":1,"date":1,"from":{"id":42,"is_bot":false,
            "first_name":"Mia"},"chat":{"id":42,"type":"private"},"text":"hello"}}"#;
        let expected = Written {
            chat_id: 42,
            topic_id: None,
            user_id: 42,
            message_id: 1,
            text: "hello".to_owned(),
        };
        assert_eq!(written(update), Some(expected));
    }

    #[test]
    fn a_thread_is_a_topic_only_where_telegram_says_so() {
        let update = |topic: &str| {
            format!(
                r#"{{"update_id":7,"message":{{"message_id":1,{topic}"message_thread_id":5,"from":{{"id":42}},
                "chat":{{"id":-100}},"caption":"see"}}}}"#
            )
        };
        let topic = |json: &str| written(json).unwrap().topic_id;
        assert_eq!(topic(&update(r#""is_topic_message":true,"#)), Some(5));
        assert_eq!(topic(&update("")), None);
    }

    #[test]
    fn an_update_without_words_is_nothing() {
        assert_eq!(
            written(r#"{"update_id":7,"edited_message":{"message_id":1}}"#),
            None
        );
        assert_eq!(
            written(
                r#"{"update_id":7,"message":{"message_id":1,"chat":{"id":1},"from":{"id":1},"text":" "}}"#
            ),
            None
        );
    }
}
