# What is stateful: CPU > 80 %, memory > 85 %, connections > 90 %, each for five minutes.
locals {
  cpu_percent_max         = 80
  memory_percent_max      = 85
  connections_percent_max = 90
  # Of all connections that the proxy may open: those that serve one client only until it leaves.
  pinned_percent_max = 20

  databases = merge(
    { "" = { identifier = var.name, class = var.sizes.database.instance_class } },
    { for purpose in var.sizes.database.replicas : "-${purpose}" => {
      identifier = "${var.name}-${purpose}"
      class      = var.sizes.database.replica_instance_class
    } },
  )

  # In GiB: FreeableMemory is told in bytes.
  memory_gib = {
    "db.t4g.micro"  = 1, "db.t4g.small" = 2, "db.t4g.medium" = 4, "db.t4g.large" = 8,
    "db.r5.large"   = 16, "db.r5.xlarge" = 32, "db.r5.2xlarge" = 64, "db.r5.4xlarge" = 128,
    "db.r6g.large"  = 16, "db.r6g.xlarge" = 32, "db.r6g.2xlarge" = 64, "db.r6g.4xlarge" = 128,
    "db.r7g.large"  = 16, "db.r7g.xlarge" = 32, "db.r7g.2xlarge" = 64, "db.r7g.4xlarge" = 128,
    "db.m6g.large"  = 8, "db.m6g.xlarge" = 16, "db.m6g.2xlarge" = 32, "db.m7g.large" = 8,
    "db.m7g.xlarge" = 16, "db.m7g.2xlarge" = 32, "db.t3.medium" = 4, "db.t3.large" = 8
  }

  # ElastiCache names the nodes of a cluster so; one alarm for each shard.
  shards = { for shard in range(1, var.sizes.cache.shards + 1) : tostring(shard) => [
    for node in range(1, var.sizes.cache.replicas + 2) : format("%s-%04d-%03d", var.name, shard, node)
  ] }

  brokers = toset([for id in range(1, var.sizes.events.brokers + 1) : tostring(id)])

  # All alarms of this file, before what they share.
  watched = merge(
    merge([for suffix, database in local.databases : {
      "database-cpu${suffix}" = {
        kind       = "database-cpu"
        meaning    = "The instance ${database.identifier} has used more than ${local.cpu_percent_max} % of its CPU for five minutes."
        threshold  = local.cpu_percent_max
        expression = null
        metrics    = { cpu = local.database_metrics[suffix].cpu }
      }
      "database-memory${suffix}" = {
        kind       = "database-memory"
        meaning    = "The instance ${database.identifier} has used more than ${local.memory_percent_max} % of its memory for five minutes."
        threshold  = local.memory_percent_max
        expression = "100 - 100 * free / ${local.memory_gib[database.class] * pow(1024, 3)}"
        metrics    = { free = local.database_metrics[suffix].free }
      }
    }]...),
    {
      "proxy-connections" = {
        kind       = "proxy-connections"
        meaning    = "The proxy has opened more than ${local.connections_percent_max} % of the connections that it may, for five minutes."
        threshold  = local.connections_percent_max
        expression = "100 * open / allowed"
        metrics    = { open = local.proxy_metrics.open, allowed = local.proxy_metrics.allowed }
      }
      "database-connections" = {
        kind       = "database-connections"
        meaning    = "The database has had more than ${local.connections_percent_max} % of the connections that it takes, for five minutes."
        threshold  = local.connections_percent_max
        expression = "100 * open / (allowed * 100 / ${var.proxy_connections_percent})"
        metrics    = { open = local.database_metrics[""].connections, allowed = local.proxy_metrics.allowed }
      }
      "proxy-pinned" = {
        kind       = "proxy-pinned"
        meaning    = "More than ${local.pinned_percent_max} % of the proxy's connections have been bound to one client each, for five minutes."
        threshold  = local.pinned_percent_max
        expression = "100 * pinned / allowed"
        metrics    = { pinned = local.proxy_metrics.pinned, allowed = local.proxy_metrics.allowed }
      }
      "search-cpu" = {
        kind       = "search-cpu"
        meaning    = "A data node of the search domain has used more than ${local.cpu_percent_max} % of its CPU for five minutes."
        threshold  = local.cpu_percent_max
        expression = null
        metrics    = { cpu = { namespace = "AWS/ES", name = "CPUUtilization", stat = "Maximum", dimensions = local.search_dimensions } }
      }
      "search-memory" = {
        kind       = "search-memory"
        meaning    = "A data node of the search domain has used more than ${local.memory_percent_max} % of its heap for five minutes."
        threshold  = local.memory_percent_max
        expression = null
        metrics    = { heap = { namespace = "AWS/ES", name = "JVMMemoryPressure", stat = "Maximum", dimensions = local.search_dimensions } }
      }
      "nodes-cpu" = {
        kind       = "nodes-cpu"
        meaning    = "A node of the cluster has used more than ${local.cpu_percent_max} % of its CPU for five minutes."
        threshold  = local.cpu_percent_max
        expression = null
        metrics    = { cpu = { namespace = "ContainerInsights", name = "node_cpu_utilization", stat = "Maximum", dimensions = { ClusterName = var.name } } }
      }
      "nodes-memory" = {
        kind       = "nodes-memory"
        meaning    = "A node of the cluster has used more than ${local.memory_percent_max} % of its memory for five minutes."
        threshold  = local.memory_percent_max
        expression = null
        metrics    = { memory = { namespace = "ContainerInsights", name = "node_memory_utilization", stat = "Maximum", dimensions = { ClusterName = var.name } } }
      }
    },
    merge([for shard, nodes in local.shards : {
      "cache-cpu-${shard}" = {
        kind       = "cache-cpu"
        meaning    = "A node of the cache's shard ${shard} has kept Redis busy for more than ${local.cpu_percent_max} % of the time for five minutes."
        threshold  = local.cpu_percent_max
        expression = "MAX(METRICS())"
        metrics = { for index, node in nodes : "node${index}" => {
          namespace = "AWS/ElastiCache", name = "EngineCPUUtilization", stat = "Average", dimensions = { CacheClusterId = node }
        } }
      }
      "cache-memory-${shard}" = {
        kind       = "cache-memory"
        meaning    = "A node of the cache's shard ${shard} has used more than ${local.memory_percent_max} % of its memory for five minutes."
        threshold  = local.memory_percent_max
        expression = "MAX(METRICS())"
        metrics = { for index, node in nodes : "node${index}" => {
          namespace = "AWS/ElastiCache", name = "DatabaseMemoryUsagePercentage", stat = "Average", dimensions = { CacheClusterId = node }
        } }
      }
    }]...),
    merge([for broker in local.brokers : {
      "events-cpu-${broker}" = {
        kind       = "events-cpu"
        meaning    = "Kafka's broker ${broker} has used more than ${local.cpu_percent_max} % of its CPU for five minutes."
        threshold  = local.cpu_percent_max
        expression = "user + system"
        metrics = {
          user   = { namespace = "AWS/Kafka", name = "CpuUser", stat = "Average", dimensions = local.broker_dimensions[broker] }
          system = { namespace = "AWS/Kafka", name = "CpuSystem", stat = "Average", dimensions = local.broker_dimensions[broker] }
        }
      }
      "events-memory-${broker}" = {
        kind       = "events-memory"
        meaning    = "Kafka's broker ${broker} has had more than ${local.memory_percent_max} % of its heap in use after collections, for five minutes."
        threshold  = local.memory_percent_max
        expression = null
        metrics    = { heap = { namespace = "AWS/Kafka", name = "HeapMemoryAfterGC", stat = "Maximum", dimensions = local.broker_dimensions[broker] } }
      }
    }]...),
  )

  # Parts that are there report all the time. Silence changes nothing: a source that is late must not look healed.
  data_alarms = { for name, alarm in local.watched : name => merge(alarm, { bad_minutes = local.periods, silence = "ignore" }) }

  database_metrics = { for suffix, database in local.databases : suffix => {
    for id, metric in {
      cpu         = { name = "CPUUtilization", stat = "Average" }
      free        = { name = "FreeableMemory", stat = "Average" }
      connections = { name = "DatabaseConnections", stat = "Maximum" }
    } : id => merge(metric, { namespace = "AWS/RDS", dimensions = { DBInstanceIdentifier = database.identifier } })
  } }

  # Each of the proxy's hosts reports for itself: the sum is the proxy.
  proxy_metrics = { for id, name in {
    open    = "DatabaseConnections"
    allowed = "MaxDatabaseConnectionsAllowed"
    pinned  = "DatabaseConnectionsCurrentlySessionPinned"
  } : id => { namespace = "AWS/RDS", name = name, stat = "Sum", dimensions = { ProxyName = var.name } } }

  search_dimensions = { DomainName = var.name, ClientId = var.account_id }
  broker_dimensions = { for broker in local.brokers : broker => { "Cluster Name" = var.name, "Broker ID" = broker } }
}
