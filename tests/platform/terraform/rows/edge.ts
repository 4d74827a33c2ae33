import { both, count, every, mentions, type Row, set } from '../row.ts'

const YEAR_SECONDS = 365 * 24 * 3_600
const WEEK_SECONDS = 7 * 24 * 3_600
const SCOPES = ['cloudfront', 'regional'] as const

const cdnRows: readonly Row[] = [
  both({
    line: 'CloudFront: static 1 year',
    address: 'edge.aws_cloudfront_cache_policy.this["static"]',
    path: 'default_ttl',
    is: YEAR_SECONDS,
    not: 3_600,
  }),
  both({
    line: 'CloudFront: media 7 days',
    address: 'edge.aws_cloudfront_cache_policy.this["media"]',
    path: 'default_ttl',
    is: WEEK_SECONDS,
    not: 3_600,
  }),
  {
    line: 'CloudFront: signed playback',
    stages: ['staging', 'prod'],
    // Which key group it is is known once it is made.
    reads: 'state',
    complaints: (resources) => {
      const groups = resources.find(({ type }) => type === 'aws_cloudfront_key_group')
      const media = resources.find(({ address }) => address.endsWith(MEDIA))
      const trusted = JSON.stringify(media?.values.default_cache_behavior ?? '')
      return trusted.includes(`"trusted_key_groups":["${groups?.values.id}"]`)
        ? []
        : ['media plays unsigned addresses']
    },
    breaks: (resources) => {
      const media = resources.find(({ address }) => address.endsWith(MEDIA))
      if (media) media.values.default_cache_behavior = []
    },
  },
  both({
    line: 'CloudFront: ACM certificate, TLS 1.2 and later',
    address: 'edge.aws_cloudfront_distribution.this',
    path: 'viewer_certificate.0.minimum_protocol_version',
    is: 'TLSv1.2_2021',
    not: 'TLSv1',
  }),
  set({
    line: 'CloudFront: under names of ours',
    address: 'edge.aws_cloudfront_distribution.this',
    path: 'viewer_certificate.0.ssl_support_method',
    is: ['sni-only', 'sni-only'],
  }),
  both({
    line: 'CloudFront: HTTPS only',
    address: 'edge.aws_cloudfront_distribution.this',
    path: 'default_cache_behavior.0.viewer_protocol_policy',
    is: 'redirect-to-https',
    not: 'allow-all',
  }),
  both({
    line: 'CloudFront alone signs its way into the buckets',
    address: 'edge.aws_cloudfront_origin_access_control.s3',
    path: 'signing_behavior',
    is: 'always',
    not: 'never',
  }),
]

const MEDIA = 'aws_cloudfront_distribution.this["media"]'

const firewallRows: readonly Row[] = [
  ...SCOPES.map((scope) =>
    mentions({
      line: `WAF (${scope}): OWASP managed rules`,
      address: `edge.aws_wafv2_web_acl.this["${scope}"]`,
      path: 'rule',
      texts: [
        '"name":"AWSManagedRulesCommonRuleSet"',
        '"name":"AWSManagedRulesKnownBadInputsRuleSet"',
        '"name":"AWSManagedRulesSQLiRuleSet"',
      ],
    }),
  ),
  ...SCOPES.map((scope) =>
    mentions({
      line: `WAF (${scope}): rate limit`,
      address: `edge.aws_wafv2_web_acl.this["${scope}"]`,
      path: 'rule',
      texts: ['"limit":10000', '"aggregate_key_type":"IP"', '"response_code":429'],
    }),
  ),
  ...SCOPES.map((scope) =>
    mentions({
      line: `WAF (${scope}): geo`,
      address: `edge.aws_wafv2_web_acl.this["${scope}"]`,
      path: 'rule',
      texts: ['"country_codes":["CU","IR","KP","SY"]'],
    }),
  ),
  set({
    line: 'WAF: one for CloudFront, one for the balancer',
    address: 'edge.aws_wafv2_web_acl.this',
    path: 'scope',
    is: ['CLOUDFRONT', 'REGIONAL'],
  }),
  count({
    line: 'WAF: before the public balancer',
    address: 'balancers.aws_wafv2_web_acl_association.public',
    is: 1,
  }),
]

const balancerRows: readonly Row[] = [
  both({
    line: 'public ALB',
    address: 'balancers.aws_lb.this["public"]',
    path: 'internal',
    is: false,
    not: true,
  }),
  both({
    line: 'internal ALB',
    address: 'balancers.aws_lb.this["internal"]',
    path: 'internal',
    is: true,
    not: false,
  }),
  both({
    line: 'ALB idle timeout 60 s',
    address: 'balancers.aws_lb.this',
    path: 'idle_timeout',
    is: 60,
    not: 600,
  }),
  both({
    line: 'public ALB -> gateway pods on 3000',
    address: 'balancers.aws_lb_target_group.gateway',
    path: 'port',
    is: 3_000,
    not: 8_080,
  }),
  both({
    line: 'ALB health check: /health',
    address: 'balancers.aws_lb_target_group.gateway',
    path: 'health_check.0.path',
    is: '/health',
    not: '/',
  }),
  both({
    line: 'ALB health check: every 30 s',
    address: 'balancers.aws_lb_target_group.gateway',
    path: 'health_check.0.interval',
    is: 30,
    not: 300,
  }),
  every({
    line: 'ALB: TLS 1.2/1.3',
    type: 'aws_lb_listener',
    path: 'ssl_policy',
    is: (value) => value === 'ELBSecurityPolicy-TLS13-1-2-2021-06',
    not: 'ELBSecurityPolicy-2016-08',
  }),
  every({
    line: 'ALB: HTTPS on 443 alone',
    type: 'aws_lb_listener',
    path: 'port',
    is: (value) => value === 443,
    not: 80,
  }),
  both({
    line: 'internal ALB: 404 where no function is',
    address: 'balancers.aws_lb_listener.internal',
    path: 'default_action.0.fixed_response.0.status_code',
    is: '404',
    not: '200',
  }),
  both({
    line: 'ALB: every request is logged',
    address: 'balancers.aws_lb.this',
    path: 'access_logs.0.enabled',
    is: true,
    not: false,
  }),
]

/** CloudFront, firewall and balancers. Shield Standard comes with them and has no resource. */
export const edgeRows: readonly Row[] = [...cdnRows, ...firewallRows, ...balancerRows]
