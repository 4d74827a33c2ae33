# What each group of functions needs, as data. Whatever stands in no other group is in `services`.
locals {
  groups = {
    services = {
      consumers = ["assessment", "auth", "content", "course", "enrollment", "organization", "progress", "rbac", "user"]
      invokes   = ["outboxPublisher"]
      reads     = []
      writes    = []
      machines  = []
      encodes   = false
    }
    media = {
      consumers = ["media"]
      invokes   = ["outboxPublisher"]
      reads     = ["media"]
      writes    = ["media"]
      machines  = []
      encodes   = false
    }
    playback = {
      consumers = ["video-streaming"]
      invokes   = ["outboxPublisher"]
      reads     = ["videos"]
      writes    = []
      machines  = []
      encodes   = false
    }
    # The service and the steps of its state machine.
    video = {
      consumers = ["video-processing"]
      invokes   = ["outboxPublisher"]
      reads     = ["media", "videos"]
      writes    = ["videos"]
      machines  = ["video-processing"]
      encodes   = true
    }
    certificates = {
      consumers = ["certificate"]
      invokes   = ["outboxPublisher"]
      reads     = ["certificates"]
      writes    = ["certificates"]
      machines  = ["certificate-issuance"]
      encodes   = false
    }
    notification = {
      consumers = ["notification"]
      invokes   = ["outboxPublisher", "notificationJobs"]
      reads     = []
      writes    = []
      machines  = []
      encodes   = false
    }
    # Signs in to Kafka with SCRAM, and to the database as the publisher's role: IAM has no part in either.
    publisher = {
      consumers = []
      invokes   = []
      reads     = []
      writes    = []
      machines  = []
      encodes   = false
    }
  }
}
